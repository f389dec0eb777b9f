"""When to try again: arithmetic only. Clock and dice are arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
