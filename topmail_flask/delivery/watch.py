"""A store's eye on its courier: started when nobody leads, replaced when it shows no life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from topmail_flask.delivery.announcements import Listener
from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.held_files import HeldFile, hold
from topmail_flask.delivery.leader import Leader
from topmail_flask.delivery.lock_holders import holder
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.orders import order
from topmail_flask.delivery.place import LEADER_LOCK, prepare
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.sender import Sender
from topmail_flask.model.settings import Settings

START_LOCK = "courier.lock"
LOOK_INTERVAL, BUSY_INTERVAL = 1.0, 0.05
TIME_TO_START = 15.0
STARTS_TO_GIVE_UP = 3
SILENT_FOR_DEAD = 10.0
"""Seconds without a sign of life after which a courier is killed: it was stopped, or it hangs."""


def _python() -> str:
    """The interpreter: within uWSGI ``sys.executable`` is uWSGI."""
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix, "bin", "python3"))


# -P: a json.py in the store's directory is none of the courier's.
PROGRAM = (_python(), "-P", "-m", "topmail_flask.delivery.courier")


class Watch:
    """What a store process's thread does with ``"process"``: it has a courier lead.

    Any number of store processes watch the same courier. Where none can be started, the thread
    leads itself.

    :param directory: the app's directory.
    :param make_leader: makes the leader for want of a courier.
    :param while_waiting: done once a second.
    :param rules: whether this store's settings hold; if not, it starts no courier.
    :param is_heard: whether the shop listens to the ends of views.
    :param program: what is started.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        receivers: Receivers,
        *,
        make_leader: Callable[[], Leader],
        while_waiting: Callable[[], None] = lambda: None,
        rules: Callable[[], bool] = lambda: True,
        is_heard: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._make_leader = make_leader
        self._while_waiting = while_waiting
        self._rules = rules
        self._monotonic = monotonic
        self._program = program
        self._listener = Listener(directory, receivers, is_heard)
        self._end_by: float | None = None
        self._child: _Courier | None = None
        self._leaving: list[_Courier] = []
        self._starting: HeldFile | None = None
        self._start_by = 0.0
        self._failures = 0
        self._first_seen = 0, 0.0
        self._stand_in: Leader | None = None
        self.bell = Bell()
        self.beat: float | None = None
        """The courier's last sign of life, by the monotonic clock."""

    @property
    def accepted(self) -> bool:
        """As of the leader that the thread runs itself, if it does."""
        return self._stand_in is not None and self._stand_in.accepted

    @accepted.setter
    def accepted(self, value: bool) -> None:
        if self._stand_in is not None:
            self._stand_in.accepted = value

    @property
    def sender(self) -> Sender | None:
        """Set while the thread leads itself."""
        return self._stand_in.sender if self._stand_in else None

    def run(self) -> None:
        """Watch until told to end. The courier goes on by itself."""
        problem = ""
        while self._end_by is None and not problem:
            try:
                problem = self._look()
            except OSError as error:
                problem = self._failed(error.strerror or str(error))
            self._while_waiting()
            busy = self._listener.listen() or self._starting
            self.bell.wait(BUSY_INTERVAL if busy else LOOK_INTERVAL)
        self._listener.close()
        self._release()
        if self._end_by is None:
            logger.warning("TopMail: no courier (%s): a thread of the store sends.", problem)
            self._lead()

    def end_by(self, moment: float) -> None:
        """Have :meth:`run` return by this moment of the monotonic clock."""
        self._end_by = moment
        if self._stand_in is not None:
            self._stand_in.end_by(moment)
        self.bell.ring()

    def _lead(self) -> None:
        self._stand_in = leader = self._make_leader()
        self.bell, self.beat = leader.bell, None
        if self._end_by is not None:
            leader.end_by(self._end_by)
        leader.run()

    def _look(self) -> str:
        """See to it that somebody leads; returns why that cannot be had."""
        self._leaving = [one for one in self._leaving if one.poll() is None]
        now, child = self._monotonic(), self._child
        status = child.poll() if child else None
        if status is not None:
            self._child = None
        led_by = holder(self._directory / LEADER_LOCK)
        self.beat = led_by.beat if led_by else None
        if led_by is not None:
            self._rules()  # a courier with an older store's order ends when it is superseded
            self._failures = 0
            if led_by.beat is not None or self._child is None:
                self._release()
            if self._first_seen[0] != led_by.pid:
                self._first_seen = led_by.pid, now
            alive_at = led_by.beat or self._first_seen[1]  # it may be stopped before its first beat
            if now - alive_at > SILENT_FOR_DEAD and _is_courier(led_by.pid):
                logger.warning("TopMail: the courier gives no sign of life and is replaced.")
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(led_by.pid, signal.SIGKILL)
        elif self._starting is None:
            prepare(self._directory)
            if self._rules():
                self._start(now)
        elif not self._rules():
            self._release()
        elif child is not None and (status is not None or now >= self._start_by):
            return self._failed(child.last_words())
        return ""

    def _failed(self, problem: str) -> str:
        """Count a start that failed; returns the problem if it was one too many."""
        self._failures += 1
        self._release()
        return problem if self._failures >= STARTS_TO_GIVE_UP else ""

    def _start(self, now: float) -> None:
        self._starting = hold(self._directory / START_LOCK)
        if self._starting is None:  # another process of the store is about to start one
            return
        if self._child is not None:  # it leads no more, and has not quite ended
            self._leaving.append(self._child)
        self._start_by = now + TIME_TO_START
        self._child = _Courier(
            self._program,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._child.tell(order(self._directory, self._settings))

    def _release(self) -> None:
        if self._child is not None:
            self._child.listen_no_more()
        if self._starting is not None:
            self._starting.release()
            self._starting = None


def _is_courier(pid: int) -> bool:
    """Whether the process is one: any other sender is left alone."""
    try:
        return PROGRAM[-1].encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


class _Courier(subprocess.Popen[bytes]):
    def tell(self, text: bytes) -> None:
        """Writes to its standard input, all at once: the text is shorter than a pipe holds."""
        if self.stdin is not None:
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(text)

    def last_words(self) -> str:
        """Ends it, and returns the last line that it wrote to its standard error."""
        self.kill()
        error = self.stderr.read() if self.stderr else b""
        self.wait()
        self.listen_no_more()
        lines = error.decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), f"status {self.returncode}")

    def listen_no_more(self) -> None:
        """From here on it says what there is to say through the socket."""
        if self.stderr is not None:
            self.stderr.close()

    def __del__(self, *_: object) -> None:
        """It may outlive this process; that is no reason for a warning."""
