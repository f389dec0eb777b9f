"""The steps of a fault script: what becomes of the next calls, one step each.

A step is a mapping, or short: ``"reset"`` for ``{"action": "reset"}`` and ``503`` for
``{"action": "answer", "status": 503}``. The actions:

``pass``         the ordinary answer
``answer``       ``status`` with ``body``, ``headers``, ``content_type``; without a body, TopMail's
                 error shape with ``code``
``reset``        the connection is reset (RST) before any answer
``hang``         no answer; the connection closes when the order is replaced
``drip``         the answer, one byte every ``interval_ms``
``truncate``     a ``Content-Length`` that promises more than comes, then the connection closes
``close_after``  the answer, and the connection closes without having said so (stale keep-alive)
``endless``      a body of ``size`` bytes (1 GB) without a ``Content-Length``
``gzip_bomb``    a small compressed body that unpacks to ``size`` bytes (200 MB)

``recorded`` says whether the call is dealt with first, as if the fault were on the way back; it is
true for drip, truncate and close_after, false for the others. An ``answer`` that is recorded is
the ordered one all the same: the view is there, and the client hears of an error.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Action = Literal[
    "pass",
    "answer",
    "reset",
    "hang",
    "drip",
    "truncate",
    "close_after",
    "endless",
    "gzip_bomb",
]
_RECORDED = {"drip", "truncate", "close_after"}
_SIZES = {"endless": 1_000_000_000, "gzip_bomb": 200_000_000}
_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "duplicate",
    413: "payload_too_large",
    429: "rate_limited",
}


@dataclass(frozen=True)
class Step:
    """What becomes of one call; see the module for the actions."""

    action: Action
    recorded: bool = False
    status: int = 500
    code: str = "server_error"
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    interval_ms: float = 400
    size: int = 0

    @property
    def on_the_wire(self) -> bool:
        """Whether the step needs the socket itself."""
        return self.action not in {"pass", "answer"}

    def as_json(self) -> dict[str, Any]:
        """Return the step as a mapping; a body that is not UTF-8 loses what is not."""
        body = None if self.body is None else self.body.decode("utf-8", "replace")
        return {**vars(self), "body": body}

    def __str__(self) -> str:
        """Say the step in a few words, for the page."""
        when = " after recording" if self.recorded and self.action not in _RECORDED else ""
        return f"{self.action} {self.status}" if self.action == "answer" else self.action + when


def read_script(script: Sequence[Step | Mapping[str, Any] | str | int]) -> tuple[Step, ...]:
    """Return the steps of a script; raise :class:`ValueError` for one that makes no sense."""
    if isinstance(script, str | bytes | Mapping) or not isinstance(script, Sequence):
        raise ValueError("script must be a list of steps")
    return tuple(each if isinstance(each, Step) else _read_step(each) for each in script)


def _read_step(step: Mapping[str, Any] | str | int) -> Step:
    if isinstance(step, str):
        step = {"action": step}
    elif isinstance(step, int) and not isinstance(step, bool):
        step = {"status": step}
    if not isinstance(step, Mapping):
        raise ValueError("a step of the script is a mapping, the name of an action, or a status")
    wanted = {"action": "answer", **step}
    for name in wanted:
        if name not in {each.name for each in fields(Step)}:
            raise ValueError(f"a step has no {name}")
    action = wanted["action"]
    if action not in get_args(Action):
        raise ValueError(f"there is no action {action!r}: take {', '.join(get_args(Action))}")
    status = wanted.setdefault("status", 500)
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("status must be a whole number from 200 to 599")
    if action == "answer" and status < 300 and "body" not in wanted:
        raise ValueError('an ordered success needs a body; take "pass" for the ordinary answer')
    body = wanted.get("body")
    if isinstance(body, str):
        wanted["body"] = body.encode()
    elif body is not None and not isinstance(body, bytes):
        wanted["body"] = json.dumps(body).encode()
    wanted["headers"] = _read_headers(wanted.get("headers", {}))
    for name in ("interval_ms", "size"):
        if not isinstance(wanted.get(name, 0), int | float) or wanted.get(name, 0) < 0:
            raise ValueError(f"{name} must be a number of 0 or more")
    wanted.setdefault("code", _CODES.get(status, "server_error"))
    wanted.setdefault("recorded", action in _RECORDED)
    wanted.setdefault("size", _SIZES.get(action, 0))
    return Step(**wanted)


def _read_headers(headers: Any) -> tuple[tuple[str, str], ...]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    read = tuple((str(name), str(value)) for name, value in pairs)
    if any("\r" in part or "\n" in part for pair in read for part in pair):
        raise ValueError("headers must not contain line breaks")
    return read
