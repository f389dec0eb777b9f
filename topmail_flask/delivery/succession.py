"""Whose settings hold while stores with different ones share a directory, as in a deployment.

The newest that is alive decides. Each process that may send looks into one note about once a
second: it claims the note if that tells of an older configuration, or of one whose processes are
gone, and else it keeps the note fresh (the same configuration) or stands back (a newer one). A
sender whose configuration is not the note's gives its lead up. Workers that an old store leaves to
finish their requests so never take the lead back, and get it back when the new store is gone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import cache, cached_property
from pathlib import Path

from topmail_flask.delivery.client import version
from topmail_flask.model.settings import Secret, Settings

NOTE = "leader.order"
LOOK_INTERVAL = 1.0
LASTS = 5.0
"""Seconds after its last sign of life for which a newer configuration still holds."""


class Succession:
    """One store's place in the order of configurations.

    :param directory: the app's directory.
    :param settings: of the store.
    :param born: when the configuration was read, by the monotonic clock of the machine.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        born: float,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = directory / NOTE
        self._settings = settings
        self._born = born
        self._clock = clock
        self._monotonic = monotonic
        self._look_at = float("-inf")
        self._rules = True

    @cached_property
    def _rank(self) -> tuple[float, str]:
        return self._born, config_digest(self._settings)

    def rules(self) -> bool:
        """Whether these settings hold; to be asked again and again, for it says that the store is
        alive. Where nothing can be written, they do.
        """
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_INTERVAL
            self._rules = self._look()
        return self._rules

    def _look(self) -> bool:
        told, written_at = _read(self._note)
        if told[1] == self._rank[1]:
            with suppress(OSError):
                os.utime(self._note, follow_symlinks=False)
            return True
        if told > self._rank and abs(self._clock() - written_at) <= LASTS:
            return False
        with suppress(OSError):
            self._claim()
        return True

    def _claim(self) -> None:
        draft = self._note.with_name(f"{NOTE}.{os.getpid()}")
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(draft, flags, 0o600)
        try:
            os.write(fd, b"%r %s\n" % (self._rank[0], self._rank[1].encode()))
        finally:
            os.close(fd)
        draft.rename(self._note)


def config_digest(settings: Settings) -> str:
    """Tells a configuration, and the installed code, from every other; betrays no key."""
    values = [getattr(settings, each.name) for each in fields(settings)]
    plain = [value.reveal() if isinstance(value, Secret) else value for value in values]
    text = repr([None if callable(value) else value for value in plain] + _code())
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"topmail_order").hexdigest()


@cache
def _code() -> list[str]:
    installed = 0
    with suppress(OSError):
        installed = Path(__file__).parent.stat().st_mtime_ns
    return [version(), str(installed)]


def _read(note: Path) -> tuple[tuple[float, str], float]:
    """When the configuration of a note was read, its mark, and the note's last sign of life."""
    try:
        fd = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return (0.0, ""), 0.0
    try:
        born, mark = os.read(fd, 200).decode().split()
        return (float(born), mark), os.fstat(fd).st_mtime
    except (OSError, ValueError):
        return (0.0, ""), 0.0
    finally:
        os.close(fd)
