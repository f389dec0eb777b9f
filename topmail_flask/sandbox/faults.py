"""Faults to order: what the next answers shall suffer.

An order replaces the one before; the empty order clears it, and sets free whatever still hangs.
"""

import random
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from topmail_flask.sandbox.answers import Answer, ApiError
from topmail_flask.sandbox.script import Step, read_script

Per = Literal["second", "minute", "hour"]
SECONDS: Mapping[Per, int] = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True)
class Order:
    """What is ordered.

    ``latency_ms`` and up to ``jitter_ms`` more before each answer (the view is recorded first);
    ``error_rate`` (0 to 1) of all calls answer 500; ``outage`` answers 503 to all; ``rate_limit``
    requests ``per`` second, minute or hour and API key; ``script`` says what becomes of the next
    calls, one step each (see ``topmail_flask.sandbox.script``).
    """

    latency_ms: float = 0
    jitter_ms: float = 0
    error_rate: float = 0
    outage: bool = False
    rate_limit: int | None = None
    per: Per = "minute"
    script: Sequence[Step | Mapping[str, Any] | str | int] = field(default=())

    def __post_init__(self) -> None:
        """Check every field; raise :class:`ValueError` with the name of the one that is wrong."""
        for name, highest in (("latency_ms", 600_000), ("jitter_ms", 600_000), ("error_rate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number")
            if not 0 <= value <= highest:
                raise ValueError(f"{name} must be between 0 and {highest}")
        if not isinstance(self.outage, bool):
            raise ValueError("outage must be true or false")
        if self.rate_limit is not None and (
            isinstance(self.rate_limit, bool)
            or not isinstance(self.rate_limit, int)
            or self.rate_limit < 0
        ):
            raise ValueError("rate_limit must be a whole number of 0 or more, or null")
        if self.per not in get_args(Per):
            raise ValueError("per must be second, minute or hour")
        object.__setattr__(self, "script", read_script(self.script))

    def as_json(self) -> dict[str, Any]:
        """Return what :meth:`read` takes."""
        return {**vars(self), "script": [step.as_json() for step in read_script(self.script)]}

    @property
    def empty(self) -> bool:
        """Whether nothing is ordered."""
        return self == Order()

    @classmethod
    def read(cls, wanted: Mapping[str, Any]) -> "Order":
        """Return the order that a JSON object asks for; raise :class:`ValueError`."""
        known = {each.name for each in fields(cls)}
        for name in wanted:
            if name not in known:
                raise ValueError(f"{name} is no fault: there are {', '.join(sorted(known))}")
        return cls(**wanted)


class Faults:
    """The order in force, and how much of its script is left. Safe to use from any thread."""

    def __init__(self, dice: random.Random) -> None:
        """Start with nothing ordered; ``dice`` decide on error rate and jitter."""
        self._dice = dice
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._order = Order()
        self._script: deque[Step] = deque()

    def place(self, order: Order) -> None:
        """Put ``order`` in the place of the one before and release what hangs."""
        with self._lock:
            self._order = order
            self._script = deque(read_script(order.script))
            self._release()

    def release(self) -> None:
        """End every answer that hangs, drips or is held back."""
        with self._lock:
            self._release()

    @property
    def order(self) -> Order:
        """The order in force, with the steps of its script that are left."""
        with self._lock:
            return Order(**{**vars(self._order), "script": tuple(self._script)})

    def next_step(self) -> tuple[Step | None, threading.Event]:
        """Return the step for the call that has just come in, and what its end is told by.

        There is no step when nothing is ordered.
        """
        with self._lock:
            return self._next_step(), self._released

    def delay(self) -> float:
        """Return how long this answer is held back, in seconds."""
        with self._lock:
            jitter = self._dice.random() * self._order.jitter_ms
            return (self._order.latency_ms + jitter) / 1000

    def _next_step(self) -> Step | None:
        if self._script:
            return self._script.popleft()
        if self._order.outage:
            return Step("answer", status=503)
        if self._order.error_rate and self._dice.random() < self._order.error_rate:
            return Step("answer", status=500)
        return None

    def _release(self) -> None:
        self._released.set()
        self._released = threading.Event()


def ordered_answer(step: Step) -> Answer:
    """Return the answer that a step asks for: its body, or TopMail's error shape."""
    if step.body is not None:
        return Answer(step.status, step.body, step.headers, step.content_type)
    error = ApiError(step.status, step.code, "This answer was ordered in the sandbox")
    return error.answer().with_headers(*step.headers)
