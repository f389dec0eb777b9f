"""``/api/v1`` as a WSGI application: let in, remember, answer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from topmail_flask.sandbox import operations
from topmail_flask.sandbox.answers import Answer, ApiError
from topmail_flask.sandbox.faults import SECONDS, Faults, Order, ordered_answer
from topmail_flask.sandbox.fields import read_body
from topmail_flask.sandbox.idempotency import fingerprint
from topmail_flask.sandbox.keys import ApiKey, authenticate
from topmail_flask.sandbox.operations import Call, Operation
from topmail_flask.sandbox.rate_limit import RateLimit
from topmail_flask.sandbox.records import ReceivedRequest
from topmail_flask.sandbox.wire import perform
from topmail_flask.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BODY_LIMIT = 100_000
"""Bytes of a request body; more is answered 413. TopMail's own limit is not documented."""


def _rule(method: str, path: str, operation: Operation) -> Rule:
    return Rule(path, methods=[method], endpoint=operation)


_OPERATIONS = Map(
    [
        _rule(
            "POST",
            "/track/product-view",
            Operation("conversions:write", operations.track_product_view, has_body=True),
        ),
        _rule(
            "POST",
            "/conversions",
            Operation("conversions:write", operations.record_conversion, has_body=True),
        ),
        _rule(
            "POST",
            "/contacts",
            Operation("contacts:write", operations.create_contact, has_body=True),
        ),
        _rule("GET", "/contacts", Operation("contacts:read", operations.list_contacts)),
        _rule("GET", "/contacts/<contact_id>", Operation("contacts:read", operations.show_contact)),
        _rule(
            "PATCH",
            "/contacts/<contact_id>",
            Operation("contacts:write", operations.change_contact, has_body=True),
        ),
        _rule(
            "DELETE",
            "/contacts/<contact_id>",
            Operation("contacts:delete", operations.delete_contact),
        ),
    ],
    merge_slashes=False,
    strict_slashes=False,
).bind("")


class Api:
    """The API of one workspace. Faults that are ordered come before everything else."""

    def __init__(self, workspace: Workspace, faults: Faults, keys: Sequence[ApiKey]) -> None:
        """Answer for ``workspace`` to the holders of ``keys``."""
        self._workspace = workspace
        self._faults = faults
        self._keys = keys
        self._limit = RateLimit(None, 60, workspace.clock)

    def order(self, order: Order) -> None:
        """Put an order in force; its rate limit starts with an empty window."""
        self._limit = RateLimit(order.rate_limit, SECONDS[order.per], self._workspace.clock)
        self._faults.place(order)
        self._workspace.note("faults")

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        http = Request(environ, populate_request=False)
        request = self._workspace.receive(
            ReceivedRequest(
                number=0,
                time=self._workspace.clock(),
                method=http.method,
                path=http.path,
                query=http.args.to_dict(),
                headers=Headers(http.headers),
                body=http.stream.read(BODY_LIMIT + 1),
            )
        )
        step, released = self._faults.next_step()
        if step is not None:
            self._workspace.note("faults")
        if step is not None and step.action == "pass":
            step = None
        if step is None or step.recorded:
            request, answer = self._deal_with(request)
        if step is not None:
            if step.action == "answer" or not step.recorded:
                answer = ordered_answer(step).with_headers(*self._limit.headers(""))
            silent = step.action in {"reset", "hang"}
            request = replace(request, fault=str(step), status=None if silent else answer.status)
        delay = self._faults.delay()
        if delay:
            released.wait(delay)
        self._workspace.conclude(request)
        if step is not None and step.on_the_wire:
            start(f"{answer.status} -", [])
            return perform(step, answer, environ["werkzeug.socket"], released)
        response = Response(answer.body, answer.status, content_type=answer.content_type)
        response.headers.extend(answer.headers)
        return response(environ, start)

    def _deal_with(self, request: ReceivedRequest) -> tuple[ReceivedRequest, Answer]:
        """Return the ordinary answer, and the request with what became of it."""
        limit = self._limit
        scope = ""
        with self._workspace.changed:
            try:
                key = authenticate(request.headers, self._keys)
                scope = key.label
                limit.take(scope)
                answer = self._answer(request, key)
            except ApiError as refusal:
                answer = refusal.answer()
        replayed = ("Idempotent-Replayed", "true") in answer.headers
        request = replace(request, status=answer.status, replayed=replayed)
        if answer.status >= 400:
            request = replace(request, error=json.loads(answer.body)["error"])
        return request, answer.with_headers(*limit.headers(scope))

    def _answer(self, request: ReceivedRequest, key: ApiKey) -> Answer:
        operation, arguments = self._find_operation(request)
        if operation.permission not in key.permissions:
            raise ApiError(
                403, "forbidden", f"This API key lacks the permission {operation.permission}"
            )
        if len(request.body) > BODY_LIMIT:
            raise ApiError(413, "payload_too_large", f"The body must be at most {BODY_LIMIT} bytes")
        answers = self._workspace.answers
        idempotency_key = request.idempotency_key if request.method != "GET" else None
        same = fingerprint(request.method, request.path, request.body)
        if idempotency_key is not None:
            first = answers.find(key.label, idempotency_key, same)
            if first is not None:
                self._workspace.count_replay(first.view_id)
                return Answer(first.status, first.body.encode(), (("Idempotent-Replayed", "true"),))
        content_type = request.headers.get("Content-Type", "")
        body = read_body(request.body, content_type) if operation.has_body else {}
        outcome = operation.perform(self._workspace, Call(request, body, **arguments))
        if idempotency_key is not None:
            answers.remember(key.label, idempotency_key, same, outcome.answer, outcome.view_id)
        return outcome.answer

    def _find_operation(self, request: ReceivedRequest) -> tuple[Operation, dict[str, Any]]:
        try:
            operation, arguments = _OPERATIONS.match(request.path, request.method)
        except NotFound:
            raise ApiError(404, "not_found", f"There is no {request.path}") from None
        except MethodNotAllowed as refusal:
            allowed = ", ".join(sorted(set(refusal.valid_methods or ()) - {"HEAD"}))
            error = ApiError(405, "method_not_allowed", f"{request.path} takes {allowed}")
            error.headers = (("Allow", allowed),)
            raise error from None
        return operation, dict(arguments)
