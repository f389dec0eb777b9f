"""What a process that answers requests has learnt, for a process that only sends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from topmail_flask.delivery.place import prepare

LONGEST = 200


class Learned:
    """A yes or no about something, in a small file beside the outbox.

    :param directory: the app's directory; None: nothing is kept.
    :param name: of the file.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._path = directory and directory / name

    def keep(self, about: str, answer: bool) -> None:
        """Keep the answer; it is lost where nothing can be written.

        :param about: what it is an answer about; an earlier answer about anything else goes.
        """
        if self._path is None or self.answer(about) is answer:
            return
        with suppress(OSError):
            prepare(self._path.parent)
            draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(draft, flags, 0o600)
            try:
                os.write(fd, f"{about} {answer}\n".encode())
            finally:
                os.close(fd)
            draft.rename(self._path)

    def answer(self, about: str) -> bool | None:
        """What was learnt, by this process or another one; None: nothing yet."""
        if self._path is None:
            return None
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            told = os.read(fd, LONGEST)
        except OSError:
            return None
        finally:
            os.close(fd)
        return {f"{about} {answer}\n".encode(): answer for answer in (True, False)}.get(told)
