"""When to try again: arithmetic only. Clock and dice are arguments."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from topmail_flask.model.errors import (
    DeliveryError,
    RateLimited,
    RetryLater,
    SendingBlocked,
    SuspiciousAnswer,
)

BASE, CAP = 1.0, 300.0
"""Seconds: the longest wait after the first failure, and after any."""
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 900.0
"""Seconds between which a pause that the API asks for is believed."""
_SECONDS = re.compile(r"\s*(\d{1,12})(\.\d{0,9})?\s*\Z", re.ASCII)


def backoff(failures: int, dice: float) -> float:
    """Seconds to wait after so many failures in a row: full jitter.

    :param failures: 1 or more.
    :param dice: from 0 to 1.
    """
    return dice * min(CAP, BASE * 2.0 ** min(failures - 1, 30))


def retry_after(headers: Mapping[str, str], now: float, *, with_reset: bool = True) -> float | None:
    """Seconds that an answer asks to wait, from 1 to 900; None if it asks nothing readable.

    ``Retry-After`` as seconds or as an HTTP date, or else ``X-RateLimit-Reset`` (ISO 8601).

    :param now: seconds since the epoch.
    """
    wait = _seconds_until(headers.get("Retry-After", ""), now)
    if wait is None and with_reset:
        reset = moment(headers.get("X-RateLimit-Reset", ""))
        wait = None if reset is None else reset - now
    return None if wait is None else min(max(wait, SHORTEST_PAUSE), LONGEST_PAUSE)


def _seconds_until(text: str, now: float) -> float | None:
    if _SECONDS.match(text):
        return float(text)
    if len(text) > 60:
        return None
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def moment(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 time (UTC where it names no zone), or None."""
    try:
        then = datetime.fromisoformat(text.strip()[:40])
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of the rate limit.

    :ivar remaining: calls left in this window.
    :ivar reset: when the window ends, in seconds since the epoch; None if the answer did not say.
    """

    remaining: int
    reset: float | None


def quota(headers: Mapping[str, str]) -> Quota | None:
    """The rate limit as an answer's headers tell it, or None."""
    text = headers.get("X-RateLimit-Remaining", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return None
    return Quota(int(text), moment(headers.get("X-RateLimit-Reset", "")))


def pause_until_reset(left: Quota, now: float) -> float:
    """Seconds to send nothing, because the quota is used up; 0 while some of it is left."""
    if left.remaining > 0:
        return 0.0
    wait = 60.0 if left.reset is None else left.reset - now
    return min(max(wait, 0.0), LONGEST_PAUSE) if math.isfinite(wait) else 60.0


FAILURES_TO_OPEN = 5
"""Failures in a row after which calls stop but for one probe at a time."""
LONGEST_PROBE_INTERVAL = 30.0
BLOCKED_PROBE_INTERVAL = 300.0
SUSPICIONS_TO_PAUSE = 4
RATE_LIMITED = "rate_limited"
"""The one reason for a pause that ends by itself: no call has to prove that it is over."""
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Pause:
    """No calls until a moment, and then one, whose answer decides.

    :ivar until: by the monotonic clock.
    :ivar reason: why, e.g. ``"unauthorized"`` or ``"connection_refused"``.
    :ivar fix: what to do about it.
    """

    until: float
    reason: str
    fix: str = ""


class Pace:
    """Rate, breaker, pauses and quota together.

    Until a call succeeds, and after each failure, only one call is under way at a time: a key that
    is wrong, or an API that is down, is found out by one call and not by many.

    :param senders: calls under way at the most.
    :param rate: calls per second at the most, also in the first second.
    :param dice: a number from 0 to 1 at each call.
    """

    def __init__(
        self, *, senders: int, rate: float, dice: Callable[[], float] = random.random
    ) -> None:
        self._senders = senders
        # Bursts and what flows in after them stay below the rate together.
        self._burst = max(1.0, rate * 0.05)
        self._inflow = rate - (self._burst - 1.0)
        self._tokens = self._burst
        self._counted_at: float | None = None
        self._dice = dice
        self._proven = False
        self._failures = 0
        self._suspicions = 0
        self._left: int | None = None
        self._quota_ends = 0.0
        self.pause: Pause | None = None

    def room(self, now: float, under_way: int) -> int:
        """How many calls may start now, while so many are under way."""
        self._flow_in(now)
        if self.wait_of_pause(now):
            return 0
        if self.pause and self.pause.reason == RATE_LIMITED:
            self.pause = None
        most = 1 if self.probes else self._senders
        room = min(most - under_way, int(self._tokens))
        if self._left is not None and now < self._quota_ends:
            room = min(room, max(self._left, 0 if under_way else 1))
        return max(room, 0)

    @property
    def probes(self) -> bool:
        """Whether one call is to find out if the way is open."""
        return not self._proven or self.pause is not None

    def calls(self, now: float) -> int:
        """How many calls one thread may make in a row now: one, until a call has succeeded."""
        if self.probes:
            return 1
        calls = int(self._tokens)
        if self._left is not None and now < self._quota_ends:
            calls = min(calls, self._left)
        return max(1, calls)

    def wait(self, now: float) -> float:
        """Seconds until a call may start, as far as the clock decides; 0: at once."""
        self._flow_in(now)
        missing = max(0.0, 1.0 - self._tokens)
        return max(self.wait_of_pause(now), missing / self._inflow)

    def wait_of_pause(self, now: float) -> float:
        """Seconds that are left of a pause."""
        return max(0.0, self.pause.until - now) if self.pause else 0.0

    def hold(self, pause: Pause) -> None:
        """Begin a pause that somebody else saw a reason for."""
        self.pause = pause
        self._proven = False

    def started(self, calls: int = 1) -> None:
        """Count calls that have begun."""
        self._tokens -= calls
        if self._left is not None:
            self._left -= calls

    def quota(self, left: Quota, under_way: int, now: float, wall: float) -> None:
        """Take in what an answer said about the rate limit.

        :param wall: seconds since the epoch.
        """
        wait = pause_until_reset(left, wall)
        if wait and (self.pause is None or self.pause.until <= now):
            self.hold(Pause(now + wait, RATE_LIMITED, "The limit of calls is used up; wait"))
        self._left = left.remaining - under_way
        self._quota_ends = now + (60.0 if left.reset is None else min(left.reset - wall, 900.0))

    def answered(self, now: float) -> None:
        """The API took a call, or refused it for its own sake: the way is open."""
        self._failures = self._suspicions = 0
        if self.pause is None or self.pause.until <= now:
            self.pause = None
            self._proven = True

    def failed(self, error: DeliveryError, now: float, wall: float) -> None:
        """A call failed in a way that concerns every call; a pause may begin."""
        self._proven = False
        wait = self._wait_after(error, wall)
        if wait is not None and (self.pause is None or now + wait > self.pause.until):
            self.pause = Pause(now + wait, error.code, str(error))

    def _wait_after(self, error: DeliveryError, wall: float) -> float | None:
        if isinstance(error, RateLimited):
            return error.wait or 60.0
        if isinstance(error, SendingBlocked):
            return until_tomorrow(wall) if error.code == "limit_reached" else BLOCKED_PROBE_INTERVAL
        if isinstance(error, SuspiciousAnswer):
            self._suspicions += 1
            if self._suspicions >= SUSPICIONS_TO_PAUSE:
                return BLOCKED_PROBE_INTERVAL
        self._failures += 1
        asked = error.wait if isinstance(error, RetryLater) else None
        opened = self._failures - FAILURES_TO_OPEN
        if opened < 0:
            return asked
        interval = min(LONGEST_PROBE_INTERVAL, 2.0 ** min(opened, 10))
        return max(interval * (0.8 + 0.4 * self._dice()), asked or 0.0)

    def _flow_in(self, now: float) -> None:
        if self._counted_at is not None:
            gained = max(0.0, now - self._counted_at) * self._inflow
            self._tokens = min(self._burst, self._tokens + gained)
        self._counted_at = now


def until_tomorrow(wall: float) -> float:
    """Seconds until the next day begins (UTC)."""
    return DAY - wall % DAY
