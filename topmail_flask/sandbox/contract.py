"""The shapes of TopMail's API: its responses, its errors, and the fields of request bodies.

Stricter than TopMail's pages where they are silent, so that what passes here passes there: a field
that they do not name is refused, and so is ``null`` (leave the field out instead).
"""

import json
import math
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ApiResponse:
    """One HTTP response, before it meets a socket."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: str = "application/json"

    def with_headers(self, headers: Headers) -> "ApiResponse":
        """Return this response with those of ``headers`` that it does not have yet."""
        own = {name.lower() for name, _ in self.headers}
        added = tuple(pair for pair in headers if pair[0].lower() not in own)
        return ApiResponse(self.status, self.body, self.headers + added, self.content_type)


def success(status: int, data: object, **more: object) -> ApiResponse:
    """Return a success response; ``more`` is the ``pagination`` of a list."""
    return ApiResponse(status, json.dumps({"data": data, **more}).encode())


class ApiError(Exception):
    """A call that TopMail would refuse.

    ``code`` is one of TopMail's codes, ``path`` the field at fault (validation only).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        path: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        error = {"code": code, "message": message}
        if path is not None:
            error["path"] = path
        self.response = ApiResponse(status, json.dumps({"error": error}).encode(), headers)


def invalid(path: str, complaint: str) -> ApiError:
    """Return the 400 for one wrong field."""
    return ApiError(400, "validation_error", f"{path} {complaint}", path)


Check = Callable[[object], str | None]
"""Takes a value of the body; returns what is wrong with it, or None."""

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]{2,}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_URL_LIMIT = 2048


def text(limit: int) -> Check:
    """Return the check for a string of 1 to ``limit`` characters."""

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return f"must be a string, not {_type_name(value)}"
        if not value.strip():
            return "must not be empty"
        if _UNPRINTABLE.search(value):
            return "must not contain control characters or lone surrogates"
        if len(value) > limit:
            return f"must be at most {limit} characters, not {len(value)}"
        return None

    return check


def email(value: object) -> str | None:
    """Check the shape of an e-mail address."""
    complaint = text(254)(value)
    if complaint is None and not _EMAIL.fullmatch(str(value)):
        return "must be an e-mail address"
    return complaint


def url(value: object) -> str | None:
    """Check for an absolute http or https URL of at most 2,048 characters."""
    complaint = text(_URL_LIMIT)(value)
    if complaint is not None:
        return complaint
    try:
        parts = urlsplit(str(value))
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or re.search(r"[\s\\<>\"]", str(value)):
        return "must be a full http or https URL"
    return None


def amount(value: object) -> str | None:
    """Check for a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_type_name(value)}"
    if not math.isfinite(value) or value < 0:
        return "must be a finite number of 0 or more"
    return None


def currency(value: object) -> str | None:
    """Check for three capital letters (ISO 4217)."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        return "must be a 3-letter ISO code such as USD"
    return None


def uuid_text(value: object) -> str | None:
    """Check for a UUID."""
    try:
        uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        return "must be a UUID"
    return None


def boolean(value: object) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else f"must be true or false, not {_type_name(value)}"


def mapping(value: object) -> str | None:
    """Check for an object."""
    return None if isinstance(value, dict) else f"must be an object, not {_type_name(value)}"


def one_of(*choices: str) -> Check:
    """Return the check for one of ``choices``."""

    def check(value: object) -> str | None:
        return None if value in choices else f"must be one of {', '.join(choices)}"

    return check


def read_body(body: bytes, content_type: str) -> Json:
    """Return the JSON object of a request body.

    Raises :class:`ApiError` (400) for another content type, broken UTF-8 or JSON, ``NaN``, and
    anything but an object.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _malformed("The Content-Type must be application/json")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"The body is not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise _malformed(f"The body must be an object, not {_type_name(value)}")
    return value


def check_body(
    body: Json, fields: Mapping[str, Check], required: Collection[str] = (), *, strict: bool = True
) -> None:
    """Raise :class:`ApiError` (400) for the first field, in the table's order, that is wrong.

    Unless ``strict``, fields that the table does not have are let through.
    """
    for name, check in fields.items():
        if name not in body:
            if name in required:
                raise invalid(name, "is required")
            continue
        if body[name] is None:
            raise invalid(name, "must not be null: leave the field out")
        complaint = check(body[name])
        if complaint is not None:
            raise invalid(name, complaint)
    for name in body:
        if strict and name not in fields:
            raise invalid(name[:100], "is not a field that TopMail documents")


def _malformed(message: str) -> ApiError:
    return ApiError(400, "validation_error", message)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
