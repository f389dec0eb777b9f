"""What macOS and Windows do not have: views arrive without it, and nothing breaks.

The absences are simulated on this machine, each before anything of ours is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from topmail_flask.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
NO_PROC = """
import builtins, os
def without_proc(real):
    def call(path=".", *given, **named):
        if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith("/proc"):
            raise FileNotFoundError(2, "no /proc", path)
        return real(path, *given, **named)
    return call
builtins.open = without_proc(builtins.open)
for name in ("open", "listdir", "readlink", "stat", "lstat", "scandir"):
    setattr(os, name, without_proc(getattr(os, name)))
"""
NO_LINUX_FLOCK = """
import errno, fcntl
asked = fcntl.fcntl
def other_layout(fd, command, argument=0):
    if command == fcntl.F_GETLK:
        raise OSError(errno.EINVAL, "Invalid argument")
    return asked(fd, command, argument)
fcntl.fcntl = other_layout
for name in ("F_OFD_SETLK", "F_OFD_SETLKW", "F_OFD_GETLK", "F_ADD_SEALS", "F_GET_SEALS"):
    vars(fcntl).pop(name, None)
"""
NO_SEQPACKET = """
import socket
made = socket.socket.__init__
def init(self, family=-1, type=-1, proto=-1, fileno=None):
    if type == getattr(socket, "SOCK_SEQPACKET", 5):
        raise OSError(43, "Protocol not supported")
    made(self, family, type, proto, fileno)
socket.socket.__init__ = init
"""
NO_MKNOD = """
import os
def mknod(path, *_, **__):
    raise PermissionError(1, "Operation not permitted", path)
os.mknod = mknod
"""
LINUX_ONLY = """
import os
for name in ("O_PATH", "O_TMPFILE", "eventfd", "memfd_create", "pidfd_open", "posix_fallocate",
             "sched_getaffinity", "fdatasync", "copy_file_range", "splice", "posix_fadvise"):
    vars(os).pop(name, None)
"""
MACOS = {
    "/proc": NO_PROC,
    "struct flock of Linux": NO_LINUX_FLOCK,
    "SOCK_SEQPACKET": NO_SEQPACKET,
    "mknod": NO_MKNOD,
    "calls of Linux": LINUX_ONLY,
    "all of them": NO_PROC + NO_LINUX_FLOCK + NO_SEQPACKET + NO_MKNOD + LINUX_ONLY,
}
# What CPython lacks on Windows, as its documentation marks it ("Availability: Unix").
WINDOWS = """
import asyncio, os, select, signal, socket, subprocess, sys, tempfile, threading, multiprocessing
for name in ("fcntl", "grp", "pwd", "pty", "resource", "termios", "tty", "syslog", "posix"):
    sys.modules[name] = None
for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_SYNC", "O_DSYNC", "fork",
             "forkpty", "register_at_fork", "getuid", "geteuid", "getgid", "getegid", "getgroups",
             "getpgid", "getsid", "setsid", "setuid", "mkfifo", "mknod", "pread", "pwrite",
             "preadv", "pwritev", "statvfs", "fstatvfs", "uname", "getloadavg", "sysconf",
             "killpg", "chown", "fchown", "lchown", "fchmod", "chroot", "nice", "sync", "fdatasync",
             "lockf", "posix_fallocate", "posix_fadvise", "sched_getaffinity", "sched_yield",
             "wait", "wait3", "waitid", "WNOHANG", "pipe2", "eventfd", "memfd_create"):
    vars(os).pop(name, None)
os.supports_effective_ids = os.supports_dir_fd = os.supports_fd = set()
os.supports_follow_symlinks = set()
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "alarm",
             "pthread_sigmask", "setitimer"):
    vars(signal).pop(name, None)
for name in ("AF_UNIX", "SO_REUSEPORT", "SOCK_SEQPACKET"):
    vars(socket).pop(name, None)
for name in ("poll", "epoll", "kqueue"):
    vars(select).pop(name, None)
"""
SHOP = """
import json, logging, os
logging.basicConfig(format="%(levelname)s %(message)s")
from flask import Flask, render_template_string
from topmail_flask import TopMail

app = Flask("shop", instance_path=os.environ["INSTANCE"])
app.config.update(SECRET_KEY="x", TOPMAIL_API_KEY=os.environ["KEY"], TOPMAIL_CURRENCY="EUR",
    TOPMAIL_BASE_URL=os.environ["URL"], TOPMAIL_REPEAT_WINDOW=0)
if "OUTBOX" in os.environ:
    app.config["TOPMAIL_OUTBOX"] = os.environ["OUTBOX"]
topmail = TopMail(app)
topmail.shopper_loader(lambda: "ann@shop.example")

@app.get("/tea")
def tea():
    return render_template_string("{{ product.name }}",
        product={"id": "tea-1", "name": "Tea", "price": 9})
"""
VISIT = """
for _ in range(3):
    app.test_client().get("/tea")
print(json.dumps([topmail.flush(10, app), topmail.health(app).state]))
"""
COMMANDS = """
run = app.test_cli_runner().invoke
for words in ("doctor", "inspect /tea", "routes", "outbox status", "outbox list", "outbox purge",
              "forget ann@shop.example", "send-test --to ann@shop.example", "drain --timeout 1",
              "report --output " + os.environ["INSTANCE"] + "/report.zip"):
    result = run(args=["topmail", *words.split()])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    print(words, result.exit_code)
"""
TESTING = """
from topmail_flask.testing import capture
with capture(app) as views:
    app.test_client().get("/tea")
    views.assert_viewed("tea-1")
from topmail_flask.sandbox import Sandbox
with Sandbox(contacts=["ann@shop.example"]) as sandbox:
    assert sandbox.base_url
"""


def run(program: str, sandbox: Sandbox, instance: Path, **more: str) -> tuple[str, str]:
    """What a store's process prints, and what it says on standard error."""
    given = {"KEY": sandbox.api_key, "URL": sandbox.base_url, "INSTANCE": str(instance)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**kept, **given, **more},
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(contacts=["ann@shop.example"])


@pytest.mark.parametrize("absent", MACOS)
def test_views_arrive_on_macos(sandbox: Sandbox, tmp_path: Path, absent: str) -> None:
    with sandbox:
        out, errors = run(MACOS[absent] + SHOP + VISIT + COMMANDS, sandbox, tmp_path)
        assert out.splitlines()[0] == '[true, "healthy"]', errors
        assert "doctor 0" in out
        assert "outbox status 0" in out
        assert len(sandbox.views) >= 3
    assert (tmp_path / "topmail").is_dir(), "the outbox is on the disk"


@pytest.mark.parametrize("outbox", [None, ":memory:"])
def test_views_arrive_from_memory_on_windows_and_the_start_says_so_once(
    sandbox: Sandbox, tmp_path: Path, outbox: str | None
) -> None:
    more = {"OUTBOX": outbox} if outbox else {}
    with sandbox:
        out, errors = run(WINDOWS + SHOP + VISIT, sandbox, tmp_path, **more)
        assert out.splitlines()[0] == '[true, "degraded"]', errors
        assert len(sandbox.views) == 3
    assert errors.count("has no file locks") == (outbox is None), errors
    assert not (tmp_path / "topmail").exists()


def test_commands_testing_kit_and_sandbox_work_on_windows(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox:
        out, errors = run(WINDOWS + SHOP + COMMANDS + TESTING, sandbox, tmp_path)
    assert "doctor 0" in out, errors
    assert "send-test --to ann@shop.example 0" in out
    assert "report" in out
    assert errors.count("has no file locks") == 1, errors
