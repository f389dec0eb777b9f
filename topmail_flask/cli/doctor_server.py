"""The server that runs the store, as far as another process can see it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from topmail_flask.cli.doctor_store import Finding, Store, error, ok, warning
from topmail_flask.cli.terminal import ago, count_of
from topmail_flask.delivery.files import (
    LEADER_LOCK,
    NETWORK_FILE_SYSTEMS,
    DirectoryRefused,
    check_files,
    file_system,
    fix_of_open,
    holder,
    prepare,
    siblings,
)

_ONE_FOR_ALL = (
    "Give the server and its commands one SECRET_KEY that stays (never os.urandom() at the start) "
    "and one TOPMAIL_SITE_URL: by these they find what waits."
)
_ELSEWHERE = "Set TOPMAIL_OUTBOX to a directory on a local disk that the store may write to."
_FLEETING = {
    "tmpfs": "is memory: what waits is lost with the machine's next start.",
    "ramfs": "is memory: what waits is lost with the machine's next start.",
    "overlay": "belongs to the container: what waits is lost when that is replaced.",
}
_FROZEN = {"AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda", "K_SERVICE": "Cloud Run (Knative)"}
"""Variables of the environment in which a process runs during its requests only."""
_HOMES = {
    "background": "a thread of the store sends",
    "worker": "`flask topmail drain --follow` sends",
    "celery": "Celery's workers send",
}
_SERVERS = re.compile(r"gunicorn|uwsgi|waitress|mod_wsgi|hypercorn|uvicorn|cheroot", re.IGNORECASE)
_THREADS_BY_DEFAULT = (2, 0, 27)
_NAMES = ("Procfile", "gunicorn.conf.py")
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace of a server.

    :ivar where: a process or a file.
    :ivar server: its name, in lower case.
    :ivar text: its command line, or what the file says, without comments.
    """

    where: str
    server: str
    text: str

    def says(self, *options: str) -> bool:
        """Whether one of these options is switched on, in any of the usual spellings."""
        names = "|".join(re.escape(name).replace("\\-", "[-_]") for name in options)
        off = r"(?!\s*[=:]?\s*(?:false|off|0|no|none)\b)"
        option = re.compile(rf"(?<![\w-])(?:--)?(?:{names})(?![\w-]){off}", re.IGNORECASE)
        return option.search(self.text) is not None


def server(store: Store) -> Finding:
    """Do the threads of the store run, and is gevent there in time?"""
    if _is_patched_late():
        what = "gevent patches this program after requests and ssl were imported."
        return warning(what, "Call gevent.monkey.patch_all() before every other import.")
    platform = _freezes(store)
    if platform:
        return _of_frozen(platform, store.settings.send_before_answer)
    traces = [*_running(store), *_written(store.surroundings)]
    for trace in traces:
        found = _uwsgi(trace, store) if trace.server == "uwsgi" else _gunicorn(trace)
        if found is not None:
            return found
    if not traces:
        return ok("No server is seen from here: neither running nor in a Procfile or its own file.")
    servers = ", ".join(dict.fromkeys(f"{trace.server} ({trace.where})" for trace in traces))
    preload = any(trace.says("preload", "preload_app") for trace in traces)
    after = "; preloading is fine: threads begin in the workers" if preload else ""
    return ok(f"{servers}{after}.")


def _freezes(store: Store) -> str:
    """The platform that freezes this store's processes between their requests, or ""."""
    found = next((_FROZEN[name] for name in _FROZEN if name in os.environ), "")
    if not found and any(store.surroundings.glob("zappa_settings.*")):
        found = "AWS Lambda (Zappa)"
    return found


def _of_frozen(platform: str, limit: float) -> Finding:
    if limit:
        return ok(f"{platform}: an answer waits up to {limit:g} s for its view to be sent.")
    what = f"{platform} freezes a process when its answer is out: its views wait, or are lost."
    fix = "Set TOPMAIL_SEND_BEFORE_ANSWER = 2. Where CPU is always allocated it is not needed."
    return warning(what, fix)


def _uwsgi(trace: Trace, store: Store) -> Finding | None:
    sends_here = store.settings.delivery != "worker"
    if sends_here and not _threads_by_default() and not trace.says("enable-threads", "threads"):
        what = f"uWSGI ({trace.where}) before 2.0.27 runs no threads unless asked: views wait."
        return warning(what, "Start it with enable-threads, or run: flask topmail drain --follow")
    if trace.says("gevent") and not trace.says("gevent-monkey-patch", "gevent-early-monkey-patch"):
        what = f"uWSGI ({trace.where}) runs gevent without patching: every wait stops all requests."
        return warning(what, "Add gevent-monkey-patch = true.")
    return None


def _gunicorn(trace: Trace) -> Finding | None:
    green = re.search(r"(?:-k|worker[-_]class)[\s=:\"']*gevent", trace.text)
    if green and trace.says("preload", "preload_app") and "patch_all" not in trace.text:
        what = f"{trace.server} ({trace.where}) loads the store before gevent patches it."
        fix = "Leave out preload, or call gevent.monkey.patch_all() atop gunicorn.conf.py."
        return warning(what, fix)
    return None


def _threads_by_default() -> bool:
    """Whether the uWSGI that is installed runs threads unasked; False: unknown."""
    try:
        version = metadata.version("uwsgi")
    except metadata.PackageNotFoundError:
        return False
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3]) >= _THREADS_BY_DEFAULT


def _is_patched_late() -> bool:
    """Whether the HTTP library holds a class of ssl that gevent has replaced since."""
    held, now = (
        getattr(sys.modules.get(name), "SSLContext", None) for name in ("urllib3.util.ssl_", "ssl")
    )
    return "gevent.monkey" in sys.modules and held is not None and held is not now


def _running(store: Store) -> Iterator[Trace]:
    """Servers in the working directory, and that of the process that sends this store's views."""
    sender = holder(store.outbox / LEADER_LOCK) if store.outbox else None
    seen = set()
    for process in sorted(store.proc.glob("[0-9]*")):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            here = os.readlink(process / "cwd") == str(store.surroundings.resolve())
        except OSError:  # it has ended, or belongs to somebody else
            continue
        is_script = Path(words[0]).name.startswith("python")
        names = (Path(word).name.partition(":")[0] for word in words[: 3 if is_script else 1])
        program = next((name.lower() for name in names if _SERVERS.fullmatch(name)), "")
        text = " ".join(words).strip()
        # The workers of a server look like it.
        if program and text not in seen and (here or (sender and process.name == str(sender))):
            seen.add(text)
            yield Trace(f"process {process.name}", program, text)


def _written(surroundings: Path) -> Iterator[Trace]:
    options = os.environ.get("GUNICORN_CMD_ARGS")
    if options:
        yield Trace("GUNICORN_CMD_ARGS", "gunicorn", options)
    for path in (*(surroundings / name for name in _NAMES), *sorted(surroundings.glob("*.ini"))):
        try:
            text = path.read_text("utf-8", errors="replace")[:_LONGEST]
        except OSError:
            continue
        text = re.sub(r"(?m)^\s*[#;].*$", "", text)
        if path.suffix == ".ini":
            found = "uwsgi" if "[uwsgi]" in text else ""
        elif path.name == "Procfile":
            match = _SERVERS.search(text)
            found = match[0].lower() if match else ""
        else:
            found = "gunicorn"
        if found:
            yield Trace(path.name, found, text)


def outbox(store: Store) -> Finding:
    """May views be kept there, and are they safe? Nothing is made or changed."""
    directory = store.outbox
    if directory is None:
        what = "Views are kept in memory only (:memory:): they are lost with their process."
        return warning(what, "Set TOPMAIL_OUTBOX to a directory on a local disk.")
    root = directory.parent
    try:
        if os.path.lexists(directory):
            prepare(directory, store.proc / "self/mountinfo")  # all is there: it only checks
            check_files(directory)
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        if refused := _unwritable(existing):
            return refused
        mode = existing.stat().st_mode & 0o7777
        free = shutil.disk_usage(existing).free
    except DirectoryRefused as refusal:
        what, _, fix = str(refusal).partition(". ")
        return error(f"{what}.", fix.removeprefix("Fix: "))
    except OSError as failure:
        return error(f"{root}: {failure.strerror}.", _ELSEWHERE)
    return _safety(store, root, existing, mode, free)


def _safety(store: Store, root: Path, existing: Path, mode: int, free: int) -> Finding:
    kind = file_system(existing, store.proc / "self/mountinfo")
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        return error(f"{existing} is on a network or FUSE file system ({kind}).", _ELSEWHERE)
    if existing == root and mode & 0o022:
        return error(f"{root} can be written by others.", fix_of_open(root, mode))
    if free < store.settings.max_bytes:
        what = f"Only {free // 1024**2} MB are free for {root}; TOPMAIL_MAX_BYTES allows more."
        return warning(what, "Free some space, or lower TOPMAIL_MAX_BYTES.")
    if kind in _FLEETING and not (_freezes(store) and store.settings.send_before_answer):
        return warning(f"{root} {_FLEETING[kind]}", "Set TOPMAIL_OUTBOX to a directory that stays.")
    if existing != store.outbox and (others := _of_other_owners(store.outbox)):
        count = count_of(others, "other SECRET_KEY")
        what = f"{root} holds views of {count} or TOPMAIL_SITE_URL, and none of this one."
        return warning(what, _ONE_FOR_ALL)
    made = f"mode {mode:04o}" if existing == store.outbox else "made with the first view"
    return ok(f"{root} ({made}, {kind or 'unknown file system'}, {free // 1024**2} MB free).")


def _of_other_owners(directory: Path | None) -> int:
    """How many outboxes are there of the same app and key."""
    if directory is None:
        return 0
    key = directory.name.partition("-")[2]
    return sum(each.name.endswith(f"-{key}") for each in siblings(directory))


def _unwritable(existing: Path) -> Finding | None:
    if os.statvfs(existing).f_flag & os.ST_RDONLY:
        fix = "Set TOPMAIL_OUTBOX to a directory that is not: a volume, or /tmp/topmail."
        return error(f"{existing} is on a read-only disk.", fix)
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        return error(f"{existing} cannot be written to by this user.", _ELSEWHERE)
    return None


def delivery(store: Store) -> Finding:
    """Do the views of this machine reach TopMail?"""
    if store.outbox is None:
        return ok(
            "Only the store's own processes know what waits: topmail.stats(), topmail.health()."
        )
    health, stats = store.delivery.health(), store.delivery.stats()
    letters = _letters(store) if stats.dead else 0
    counts = (
        f"{stats.pending} waiting, {stats.delivered} delivered, {count_of(letters, 'dead letter')}"
    )
    if not health.ok:
        fix = health.fix or "See: flask topmail outbox status"
        what = f"Sending is {health.state}: {health.reason} ({counts})."
        return warning(what, fix) if health.state == "degraded" else error(what, fix)
    chosen = store.settings.delivery
    is_led = holder(store.outbox / LEADER_LOCK) is not None
    if chosen == "worker" and stats.pending and not is_led:
        age = f", the oldest for {ago(health.oldest_pending)}" if health.oldest_pending else ""
        waiting = count_of(stats.pending, "view")
        what = f"Nobody sends at the moment; {waiting} waiting{age}."
        return warning(what, "Run: flask topmail drain --follow (or without --follow, from cron)")
    if letters:
        return warning(f"{counts}.", "See: flask topmail outbox list")
    return ok(f"{counts}; {_HOMES[chosen]}.")


def _letters(store: Store) -> int:
    """Dead letters that are kept: the ledger's count goes on for those that are gone."""
    admins = store.delivery.admins()
    try:
        return sum(admins[0].kept().values())
    finally:
        for admin in admins:
            admin.close()
