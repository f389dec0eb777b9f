"""What the script on a page says: one line of words, from the store's own pages, not too often."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

LIMIT = 2048
"""Bytes of a message; no more are read."""
PER_SECOND, AT_ONCE = 10.0, 100.0
REMEMBERED = 10_000
_TOKEN = r"[A-Za-z0-9_.-]{1,1500}"  # noqa: S105
_MESSAGE = re.compile(
    rf"(load|copy|prerender|back|variant|swap) (\d{{1,12}}) ({_TOKEN})(?: ({_TOKEN})?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Message:
    """One view of a page, as its browser tells of it.

    :ivar kind: ``load`` (the page came over the network), ``copy`` (the browser had it already:
        prefetched, or cached), ``prerender`` (made ahead, now shown), ``back`` (restored as it
        was), ``variant`` (another one was chosen), ``swap`` (a script put it into the page).
    :ivar age: seconds since the load, or since it was shown.
    :ivar token: the page's signed product.
    :ivar variant: the signed variant that is chosen; empty for none.
    """

    kind: str
    age: float
    token: str
    variant: str


def read_message(body: bytes) -> Message | None:
    """The message of a body, or None: it is none."""
    if len(body) > LIMIT:
        return None
    found = _MESSAGE.fullmatch(body.decode("ascii", "replace"))
    if found is None:
        return None
    kind, age, token, variant = found.groups(default="")
    return Message(kind, int(age) / 1000, token, variant)


def is_own(environ: Mapping[str, Any], hosts: set[str]) -> bool:
    """Whether a page of the store itself sent the request.

    Browsers say so in ``Sec-Fetch-Site``, which no script can set, on https and on this machine
    (https://www.w3.org/TR/fetch-metadata/). Older ones and plain http have ``Origin`` alone; only
    its host is compared, because a store behind a proxy may not know its own scheme. Neither: no
    browser that has a beacon.

    :param hosts: names of the store, with their ports where these are not usual.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    try:
        origin = urlsplit(environ.get("HTTP_ORIGIN", ""))
    except ValueError:
        return False
    return bool(origin.netloc) and origin.netloc.lower() in hosts


def sender_of(environ: Mapping[str, Any]) -> str:
    """The address that a message came from, to count by.

    A proxy on this machine or its network is not the sender: it names the one that it serves last
    in ``X-Forwarded-For``. What stands before that anybody may have written.
    """
    address = str(environ.get("REMOTE_ADDR") or "")
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if not forwarded:
        return address
    try:
        near = not address or ip_address(address).is_private  # "": a socket of this machine
    except ValueError:
        near = False
    return str(forwarded.rpartition(",")[2].strip()[:64]) if near else address


class Allowance:
    """A bucket for each sender: :data:`AT_ONCE` messages, refilled by :data:`PER_SECOND`.

    It counts in this process alone. A browser sends one message a view: the limit is there for
    programs, and wide enough for a whole company behind one address. Threads need no lock: what
    they race for is a message more or less.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, sender: str) -> bool:
        """Whether ``sender`` may send one more message now."""
        now = self._clock()
        left, since = self._left.pop(sender, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - since) * PER_SECOND)
        self._left[sender] = max(0.0, left - 1), now
        while len(self._left) > REMEMBERED:  # the one that was silent the longest
            try:
                self._left.pop(next(iter(self._left)), None)
            except (RuntimeError, StopIteration):  # another thread is at it
                break
        return left >= 1

    def __len__(self) -> int:
        return len(self._left)
