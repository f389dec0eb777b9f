"""``/api/v1`` as a WSGI application: who is let in, and what each call is answered."""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from topmail_flask.sandbox.assumptions import Assumptions
from topmail_flask.sandbox.contract import ApiError, ApiResponse, read_body
from topmail_flask.sandbox.faults import SECONDS, FaultInjector, Faults, perform
from topmail_flask.sandbox.operations import OPERATIONS, Call, Operation
from topmail_flask.sandbox.records import ReceivedRequest, timestamp
from topmail_flask.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BODY_LIMIT = 100_000
"""Bytes of a request body; more is answered 413. TopMail's own limit is not documented."""
_NOMINAL_LIMIT = 10_000
_PATHS = Map(
    [
        Rule(path, methods=[method], endpoint=operation)
        for (method, path), operation in OPERATIONS.items()
    ],
    merge_slashes=False,
    strict_slashes=False,
).bind("")
_READ = {"contacts:read", "conversions:read", "flows:read"}
_WRITE_CONTACTS = {"contacts:write", "contacts:delete"}


@dataclass(frozen=True)
class ApiKey:
    """An API key of the sandbox, good for nothing anywhere else.

    Its permissions are each written ``resource:action``.
    """

    secret: str = field(repr=False)
    label: str
    permissions: frozenset[str] = frozenset(
        {*_READ, *_WRITE_CONTACTS, "conversions:write", "flows:write"}
    )


FULL_ACCESS = ApiKey("tm_test_sandbox_full_access", "full access")
CONTACTS_ONLY = ApiKey(
    "tm_test_sandbox_contacts_only",
    "without conversions",
    frozenset({"contacts:read", *_WRITE_CONTACTS}),
)
READ_ONLY = ApiKey("tm_test_sandbox_read_only", "read only", frozenset(_READ))
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


class RateLimit:
    """At most ``limit`` requests in any ``window`` seconds; without a limit, none is refused."""

    def __init__(self, limit: int | None, window: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._counted: dict[str, deque[float]] = {}

    def count(self, key: str) -> None:
        """Count one request of ``key``; raise :class:`ApiError` (429) if the window is full."""
        now, counted = self._current(key)
        if self._limit is None:
            return
        if len(counted) >= self._limit:
            wait = counted[0] + self._window - now if counted else self._window
            headers = (("Retry-After", str(max(1, math.ceil(wait)))),)
            message = f"More than {self._limit} requests in the window"
            raise ApiError(429, "rate_limited", message, headers=headers)
        counted.append(now)

    def headers(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the two headers that every response carries."""
        now, counted = self._current(key)
        limit, window = (
            (_NOMINAL_LIMIT, 0.0) if self._limit is None else (self._limit, self._window)
        )
        reset = (counted[0] if counted else now) + window
        return (
            ("X-RateLimit-Remaining", str(limit - len(counted))),
            ("X-RateLimit-Reset", timestamp(reset)),
        )

    def _current(self, key: str) -> tuple[float, deque[float]]:
        now, counted = self._clock(), self._counted.setdefault(key, deque())
        while counted and counted[0] <= now - self._window:
            counted.popleft()
        return now, counted


class Api:
    """The API of one workspace. Faults come before everything else."""

    def __init__(
        self,
        workspace: Workspace,
        injector: FaultInjector,
        keys: Sequence[ApiKey],
        assumptions: Assumptions,
    ) -> None:
        self._workspace = workspace
        self._injector = injector
        self._keys = keys
        self._assumptions = assumptions
        self._limit = RateLimit(None, 60, workspace.clock)

    def inject(self, faults: Faults) -> None:
        """Put faults in force; their rate limit starts with an empty window."""
        self._limit = RateLimit(faults.rate_limit, SECONDS[faults.per], self._workspace.clock)
        self._injector.inject(faults)
        self._workspace.note("faults")

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._injector.faults

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        http = Request(environ, populate_request=False)
        request = self._workspace.receive(
            ReceivedRequest(
                number=0,
                time=self._workspace.clock(),
                method=http.method,
                path=http.path,
                query=http.query_string.decode("latin-1"),
                headers=Headers(http.headers),
                body=http.stream.read(BODY_LIMIT + 1),
            )
        )
        fault, released = self._injector.next_fault()
        if fault is not None:
            self._workspace.note("faults")
        if fault is not None and fault.action == "pass":
            fault = None
        if fault is None or fault.recorded:
            request, response = self._process(request)
        if fault is not None:
            if fault.action == "answer" or not fault.recorded:
                response = fault.response().with_headers(self._limit.headers(""))
            request = replace(request, fault=str(fault))
        delay = self._injector.delay()
        if delay:
            released.wait(delay)
        silent = fault is not None and fault.is_silent
        self._workspace.conclude(replace(request, response=None if silent else response))
        if fault is not None and fault.on_the_wire:
            start(f"{response.status} -", [])
            return perform(fault, response, environ["werkzeug.socket"], released)
        sent = Response(response.body, response.status, content_type=response.content_type)
        sent.headers.extend(response.headers)
        return sent(environ, start)

    def _process(self, request: ReceivedRequest) -> tuple[ReceivedRequest, ApiResponse]:
        """Return the ordinary response, and the request with what became of it."""
        limit = self._limit
        scope = ""
        with self._workspace.changed:
            try:
                key = authenticate(request.headers, self._keys)
                scope = key.label
                limit.count(scope)
                request, response = self._perform(request, key)
            except ApiError as refusal:
                response = refusal.response
        if response.status >= 400:
            request = replace(request, error=json.loads(response.body)["error"])
        return request, response.with_headers(limit.headers(scope))

    def _perform(
        self, request: ReceivedRequest, key: ApiKey
    ) -> tuple[ReceivedRequest, ApiResponse]:
        """Return the response of the operation, or the one that its key had before."""
        operation, arguments = _find_operation(request)
        needed = operation.permission or self._assumptions.tracking_permission
        if needed not in {*key.permissions, "none"}:
            raise ApiError(403, "forbidden", f"This API key lacks the permission {needed}")
        if len(request.body) > BODY_LIMIT:
            raise ApiError(413, "payload_too_large", f"The body must be at most {BODY_LIMIT} bytes")
        responses = self._workspace.responses
        counts_once = (
            self._assumptions.idempotency
            and request.idempotency_key is not None
            and request.method != "GET"
        )
        first = responses.find(key.label, request) if counts_once else None
        if first is not None:
            self._workspace.count_replay(first.view_id)
            replayed = (("Idempotent-Replayed", "true"),)
            response = ApiResponse(first.status, first.body.encode(), replayed)
            return replace(request, replay_of=first.number), response
        content_type = request.headers.get("Content-Type", "")
        try:
            has_body = request.method in {"POST", "PATCH"}
            body = read_body(request.body, content_type) if has_body else {}
            outcome = operation.perform(
                self._workspace, Call(request, self._assumptions, body, **arguments)
            )
        except ApiError as refusal:
            if counts_once and self._assumptions.replay_refusals:
                responses.remember(key.label, request, refusal.response, None)
            raise
        if counts_once:
            responses.remember(key.label, request, outcome.response, outcome.record)
        return request, outcome.response


def _find_operation(request: ReceivedRequest) -> tuple[Operation, dict[str, Any]]:
    try:
        operation, arguments = _PATHS.match(request.path, request.method)
    except NotFound:
        raise ApiError(404, "not_found", f"There is no {request.path}") from None
    except MethodNotAllowed as refusal:
        allowed = ", ".join(sorted(set(refusal.valid_methods or ()) - {"HEAD"}))
        message = f"{request.path} takes {allowed}"
        raise ApiError(405, "method_not_allowed", message, headers=(("Allow", allowed),)) from None
    return operation, dict(arguments)
