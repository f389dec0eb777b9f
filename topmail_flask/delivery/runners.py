"""Where the leader runs: one loop, three places (``TOPMAIL_DELIVERY``).

``"background"``: a thread of a store process. ``"worker"``: ``flask topmail drain``; the store's
processes only put. ``"celery"``: a thread again, which hands on to the broker what the others send
to TopMail.

What sends (SQLite, requests: 100 ms to load) is loaded by the thread that needs it: the request
that accepts the first view must not wait for it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topmail_flask.delivery import health
from topmail_flask.delivery.files import SharedCounts, account_name
from topmail_flask.delivery.journal import Journal, RingBuffer
from topmail_flask.delivery.lifecycle import Wakeup, park, register, unforked
from topmail_flask.delivery.receivers import Receivers, logger
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

if TYPE_CHECKING:
    from topmail_flask.delivery.leader import Leader
    from topmail_flask.delivery.outbox import Outbox
    from topmail_flask.delivery.sender import Sender

RETRY_INTERVAL, WARNING_INTERVAL = 1.0, 60.0
BROKER_RATE = 10_000.0
"""Tasks per second that are handed to a broker at the most."""
NO_THREADS = (
    "TopMail: this uWSGI runs no threads, so views wait on the disk. Start it with "
    "--enable-threads, or send them with: flask topmail drain."
)
_THREADS_BY_DEFAULT = (2, 0, 27)
# Loaded one by one with a pause in between: under gevent the thread is a greenlet, and a store's
# other requests wait for as long as it loads. No part of a package comes before the package: Python
# locks the part first, and a store that imports the package meanwhile would get half of it.
_LOADED_FIRST = (
    *("email.parser", "http.client", "ssl", "sqlite3", "http.cookiejar", "idna", "certifi"),
    *("importlib.metadata", "brotli", "backports.zstd", "urllib3"),  # which loads all of its own
    *("charset_normalizer", "requests"),
    *("topmail_flask.delivery.answers", "topmail_flask.delivery.client"),
    *("topmail_flask.delivery.importing", "topmail_flask.delivery.claiming"),
    *("topmail_flask.delivery.repair", "topmail_flask.delivery.outbox"),
    *("topmail_flask.delivery.reactions", "topmail_flask.delivery.sender"),
)


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What the leader of one app is made of, wherever it runs.

    :ivar directory: of the app; None: in memory, and what is there can be sent by a thread only.
    :ivar journal: of this process.
    :ivar ring: what this process holds in memory.
    :ivar banners: counts that are written at the end at the latest.
    :ivar account: names the app and its key to a Celery worker.
    :ivar celery: returns the shop's Celery app, or None.
    :ivar born: when the settings were read, by the monotonic clock of the machine.
    """

    settings: Settings
    directory: Path | None
    receivers: Receivers
    journal: Journal | None = None
    ring: RingBuffer = field(default_factory=RingBuffer)
    banners: SharedCounts | None = None
    account: str = ""
    celery: Callable[[], Any] = lambda: None
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    born: float = field(default_factory=time.monotonic)

    def save_ring(self) -> None:
        """Move what waits in memory to the disk, if that takes it."""
        if self.journal is not None and len(self.ring):
            self.ring.flush_to(self.journal.append)

    def leader(self) -> Leader:
        """The one loop."""
        _load()
        from topmail_flask.delivery.leader import ConfigPrecedence, Leader  # noqa: PLC0415

        wakeup, directory = Wakeup(), self.directory
        newest = ConfigPrecedence(directory, self.settings, self.born) if directory else None
        return Leader(
            directory,
            partial(self._open_sender, wakeup),
            wakeup,
            while_waiting=self._while_waiting,
            holds=newest.is_newest if newest else lambda: True,
            monotonic=self.monotonic,
        )

    def _open_sender(self, wakeup: Wakeup) -> Sender:
        from topmail_flask.delivery.attempt import SenderThreads  # noqa: PLC0415  # loaded above
        from topmail_flask.delivery.client import TopMailClient  # noqa: PLC0415
        from topmail_flask.delivery.outbox import Outbox  # noqa: PLC0415
        from topmail_flask.delivery.sender import Chance, Sender  # noqa: PLC0415

        settings, receivers = self.settings, self.receivers
        if settings.delivery == "celery":
            from topmail_flask.delivery.celery import Forwarder  # noqa: PLC0415  # an extra

            threads = SenderThreads(Forwarder(self.account, self.celery), wakeup, Forwarder.forward)
            # TOPMAIL_RATE is for the workers, and what they send they tell themselves.
            settings = replace(settings, rate=BROKER_RATE)
            receivers = Receivers(None, receivers.dropped, receivers.withdrew)
        else:
            threads = SenderThreads(TopMailClient.of(settings), wakeup)
        return Sender(
            Outbox(self.directory, self.settings, clock=self.clock),
            threads,
            settings,
            receivers,
            self.ring,
            self.journal,
            Chance(self.clock, self.monotonic),
        )

    def _while_waiting(self) -> None:
        if self.journal is not None:
            self.journal.check()
        self.save_ring()


class Runner:
    """Keeps one thread alive that leads or waits to lead; begun by the first accepted view.

    The thread keeps this alive, and nothing of the app.

    :ivar exit_budget: seconds that the end may take.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._monotonic = wiring.monotonic
        self._is_elsewhere = wiring.directory is not None and wiring.settings.delivery == "worker"
        self._leader: Leader | None = None
        self.exit_budget = wiring.settings.shutdown_timeout
        self._registered = self._is_let_go = False
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget the thread: after a fork it is the parent's, and so may be every lock."""
        if self._leader is not None:
            park(self._leader)
        self._pid = os.getpid()
        self._ended = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._retry_at = self._warn_at = 0.0
        self._stop_by: float | None = None
        self._leader = None

    def accepted(self) -> None:
        """A view was accepted: the leader should know, and there should be one. Never waits."""
        if self._ended:
            return
        if not self._registered:
            self._registered = True
            register(self)
        if self._is_elsewhere:
            if self._wiring.ring.lines:
                self._wiring.save_ring()
            return
        if self._pid != os.getpid():
            self.reset_after_fork()
        thread, leader = self._thread, self._leader
        if thread is None or not thread.is_alive():
            self._start()
        elif leader is not None and leader.sender is not None:
            self._warn_if_stuck()

    def _warn_if_stuck(self) -> None:
        stuck_for, now = self.stuck_for, self._monotonic()
        if stuck_for is not None and stuck_for > health.STUCK_AFTER and now >= self._warn_at:
            self._warn_at = now + WARNING_INTERVAL
            logger.warning("TopMail: a receiver of delivery's signals does not return.")

    @property
    def outbox(self) -> Outbox | None:
        """The outbox, while the thread of this process leads."""
        sender = self._leader.sender if self._leader and self._pid == os.getpid() else None
        return sender.outbox if sender else None

    @property
    def stuck_for(self) -> float | None:
        """Seconds since the turn that is going on in this process began."""
        is_ours = self._leader is not None and self._pid == os.getpid()
        turned_at = self._leader.turned_at if self._leader and is_ours else None
        return None if turned_at is None else self._monotonic() - turned_at

    @property
    def can_run(self) -> bool:
        """Whether the server lets run here what has to (a uWSGI may have no threads)."""
        return self._is_elsewhere or runs_threads()

    def stop(self, moment: float) -> None:
        """Tell the thread to end in time for :meth:`join` with the same moment."""
        self._ended = True
        if self._pid != os.getpid():
            return
        self._stop_by = moment
        if self._leader is not None:
            self._leader.stop(moment)

    def let_go(self) -> None:
        """The app is gone: end as at the end of the process, and wait for nobody."""
        self._is_let_go = True
        self.stop(self._monotonic() + self.exit_budget)
        if self._thread is None or not self._thread.is_alive():
            self._let_go_of_files()

    def join(self, moment: float) -> None:
        """Wait for the thread until a moment of the monotonic clock, and let go of the files."""
        self._join(moment)
        self._let_go_of_files()

    def _let_go_of_files(self) -> None:
        wiring = self._wiring
        if wiring.banners is not None:
            wiring.banners.save()
        wiring.save_ring()
        if wiring.journal is not None:
            wiring.receivers.all_dropped(wiring.ring.put(*wiring.journal.close()))
        lost = wiring.ring.give_up(Reason.UNDELIVERED)
        if lost:
            logger.warning("TopMail: %d views were in memory only and are lost.", len(lost))
        wiring.receivers.all_dropped(lost)

    def _join(self, moment: float) -> None:
        thread = self._thread
        if thread is None or self._pid != os.getpid() or thread is threading.current_thread():
            return
        # Not by join alone: before Python 3.13 a join that a signal's handler breaks off by an
        # exception takes the thread for ended.
        if self._done.wait(max(0.0, moment - self._monotonic())):
            thread.join(max(0.0, moment - self._monotonic()))

    def _start(self) -> None:
        # Whoever comes second, a signal handler in between included, leaves it to the first.
        if sys.is_finalizing() or not self._starting.acquire(blocking=False):
            return
        try:
            now = self._monotonic()
            alive = self._thread is not None and self._thread.is_alive()
            if alive or now < self._retry_at:
                return
            self._retry_at = now + RETRY_INTERVAL
            if not runs_threads():
                if now >= self._warn_at:
                    self._warn_at = float("inf")
                    logger.warning(NO_THREADS)
                return
            self._leader = self._stop_by = None
            done = threading.Event()
            run = partial(self._run, done)
            thread = threading.Thread(target=run, name="topmail-leader", daemon=True)
            thread.start()
            self._thread, self._done = thread, done
            if _is_green():
                _ready_resolver()
        except RuntimeError as error:
            # At the end of the interpreter that is as it should be.
            if "shutdown" not in str(error):
                logger.warning("TopMail: no thread could be started; views wait for one.")
        finally:
            self._starting.release()

    def _run(self, done: threading.Event) -> None:
        try:
            self._leader = leader = self._wiring.leader()
            if self._stop_by is not None:  # told while there was none yet
                leader.stop(self._stop_by)
            leader.run()
        except BaseException as error:  # noqa: BLE001  # the next accepted view starts another
            logger.warning("TopMail: the sender's thread ended: %s.", type(error).__name__)
        finally:
            if self._is_let_go:
                self._let_go_of_files()
            done.set()


def serve(settings: Settings, app_name: str, receivers: Receivers, *, owner: bytes = b"") -> object:
    """Have this process send the app's views if it is a Celery worker.

    :returns: to be kept for as long as the app lives.
    :raises ConfigurationError: Celery is chosen and not installed.
    """
    if settings.delivery != "celery" or settings.api_key is None:
        return None
    try:
        from topmail_flask.delivery import celery  # noqa: PLC0415  # an extra
    except ImportError:
        fix = "pip install 'topmail-flask[celery]'"
        raise ConfigurationError(f'TOPMAIL_DELIVERY "celery" needs Celery: {fix}') from None
    return celery.serve(account_name(app_name, settings.api_key, owner), settings, receivers)


def runs_threads() -> bool:
    """Whether threads run between the requests: an older uWSGI has to be asked for that.

    Where gevent has replaced them by greenlets, they run.
    """
    if _is_green():
        return True
    server = sys.modules.get("uwsgi")
    options = getattr(server, "opt", None)
    if not isinstance(options, dict):
        return True
    if server.version_info[:3] >= _THREADS_BY_DEFAULT:  # type: ignore[union-attr]
        return True
    return any(options.get(name) for name in ("enable-threads", "threads"))


def _is_green() -> bool:
    """Whether gevent has replaced threads by greenlets."""
    is_patched = getattr(sys.modules.get("gevent.monkey"), "is_module_patched", None)
    return is_patched is not None and is_patched("threading")


def _ready_resolver() -> None:
    """Have the native thread by which gevent looks addresses up.

    CPython 3.12 starts none any more once a process ends: what a short one has still to send then
    would find no address.
    """
    import gevent  # noqa: PLC0415  it is loaded

    gevent.get_hub().threadpool.spawn(int)


def _load() -> None:
    """Load what sends, piece by piece."""
    for name in _LOADED_FIRST:
        if name not in sys.modules:
            with unforked():
                try:
                    importlib.import_module(name)
                except ImportError:
                    continue  # of another version of a library: what needs it loads it
            time.sleep(0.001)
    with unforked():
        importlib.import_module("topmail_flask.delivery.leader")
