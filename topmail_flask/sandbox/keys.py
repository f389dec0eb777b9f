"""API keys of the sandbox: made up, well known, and good for nothing anywhere else."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

from topmail_flask.sandbox.answers import ApiError

_EVERYTHING = frozenset(
    {
        "contacts:read",
        "contacts:write",
        "contacts:delete",
        "conversions:read",
        "conversions:write",
    }
)


@dataclass(frozen=True)
class ApiKey:
    """An API key and its permissions, each written ``resource:action``.

    TopMail's pages do not say which permission a product view takes; the sandbox takes
    ``conversions:write``, the nearest of those that they name.
    """

    secret: str = field(repr=False)
    label: str
    permissions: frozenset[str] = _EVERYTHING


FULL_ACCESS = ApiKey("tm_test_sandbox_full_access", "full access")
CONTACTS_ONLY = ApiKey(
    "tm_test_sandbox_contacts_only",
    "without conversions",
    frozenset({"contacts:read", "contacts:write", "contacts:delete"}),
)
READ_ONLY = ApiKey(
    "tm_test_sandbox_read_only", "read only", frozenset({"contacts:read", "conversions:read"})
)
DEFAULT_KEYS = (FULL_ACCESS, CONTACTS_ONLY, READ_ONLY)


def authenticate(headers: Headers, keys: Iterable[ApiKey]) -> ApiKey:
    """Return the key of a request: ``Authorization: Bearer`` or the legacy ``X-API-Key``.

    Raises :class:`ApiError` (401).
    """
    authorization = headers.get("Authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("The Authorization header must be: Bearer tm_test_…")
    else:
        secret = headers.get("X-API-Key") or ""
        if not secret:
            raise _unauthorized("The API key is missing: send Authorization: Bearer tm_test_…")
    secret = secret.strip()
    for key in keys:
        if key.secret == secret:
            return key
    if secret.startswith("tm_live_"):
        raise _unauthorized("This is a live key: it belongs in production, not in a sandbox")
    raise _unauthorized("The API key is unknown or revoked")


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message)
