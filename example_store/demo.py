"""``python -m example_store.demo``: a local TopMail and the shop, until Ctrl-C.

``SANDBOX_PORT`` (default 8025) and ``PORT`` (default 5000) change the ports;
``INSTANCE_PATH`` is a folder for the shop's database in place of ``instance``.
"""

from __future__ import annotations

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from example_store.demo_shoppers import DEMO_SHOPPERS
from example_store.factory import AUTOMATIONS, create_app

HOST = "127.0.0.1"
PATIENCE = 20.0
"""Seconds that the sandbox may take to answer."""
LOOKS_EVERY = 0.5
"""Seconds between two looks at whether it still runs."""


class CannotStart(Exception):
    """The demonstration cannot start; the message is one line with the fix."""


def main() -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # By another thread: a handler runs in the midst of stop.wait(), which may hold the lock.
        signal.signal(number, lambda *_: threading.Thread(target=stop.set).start())
    try:
        _run_until(stop)
    except CannotStart as problem:
        print(problem, file=sys.stderr)  # noqa: T201  this is a command
        return 1
    print("\nBoth have stopped.")  # noqa: T201
    return 0


def _run_until(stop: threading.Event) -> None:
    shop_port, sandbox_port = _ports()
    with _sandbox(sandbox_port, stop) as sandbox, _shop(shop_port, sandbox_port):
        if not stop.is_set():
            _say_what_to_do(f"http://{HOST}:{shop_port}", f"http://{HOST}:{sandbox_port}")
        is_gone = False
        while not stop.wait(LOOKS_EVERY):  # for ever, a signal that comes just before is missed
            if not is_gone and sandbox.poll() is not None:
                is_gone = True
                _say_that_it_is_gone(sandbox.returncode, sandbox_port)


def _ports() -> tuple[int, int]:
    """The shop's port and the sandbox's, if both are free."""
    wanted = {"PORT": _number("PORT", 5000), "SANDBOX_PORT": _number("SANDBOX_PORT", 8025)}
    shop_port, sandbox_port = wanted.values()
    if shop_port == sandbox_port:
        fix = _fix({**wanted, "SANDBOX_PORT": _next_free(sandbox_port, wanted)})
        raise CannotStart(f"PORT and SANDBOX_PORT are both {shop_port}: give them two: {fix}")
    problems = {name: _problem_of(port) for name, port in wanted.items()}
    if any(problems.values()):
        free = {
            name: _next_free(port, wanted) if problems[name] else port
            for name, port in wanted.items()
        }
        said = " ".join(problem for problem in problems.values() if problem)
        raise CannotStart(f"{said} Stop what listens there, or choose others: {_fix(free)}")
    return shop_port, sandbox_port


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"{variable} must be a number from 1 to 65535, and is {text!r}.")
    return int(text)


def _problem_of(port: int) -> str | None:
    with socket.socket() as probe:
        # As the servers themselves do: a port whose last connections are closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return f"Port {port} is not for everyone: take one above 1023."
        except OSError:
            return f"Port {port} is taken."
    return None


def _next_free(port: int, wanted: Mapping[str, int]) -> int:
    later = (other for other in range(max(port, 1023) + 1, 65536) if other not in wanted.values())
    return next((other for other in later if _problem_of(other) is None), port)


def _fix(ports: Mapping[str, int]) -> str:
    """The line to type, with both variables: who changes one port has often changed the other."""
    return " ".join([*(f"{name}={port}" for name, port in ports.items()), "make demo"])


@contextmanager
def _sandbox(port: int, stop: threading.Event) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "topmail_flask.sandbox", "--port", str(port)]
    child = subprocess.Popen(  # noqa: S603  the command is our own
        [*command, *_what_it_knows()],
        stdout=subprocess.DEVNULL,
        # A group of its own: Ctrl-C reaches the shop alone, which then stops the sandbox.
        process_group=0,
    )
    try:
        _wait_until_it_answers(child, port, stop)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _what_it_knows() -> list[str]:
    contacts = ",".join(shopper.email for shopper in DEMO_SHOPPERS if shopper.is_contact)
    return ["--contacts", contacts, "--automations", ",".join(AUTOMATIONS.values())]


def _wait_until_it_answers(
    child: subprocess.Popen[bytes], port: int, stop: threading.Event
) -> None:
    tries = int(PATIENCE / 0.1)
    for _ in range(tries):
        if stop.wait(0.1):
            return
        if child.poll() is not None:
            raise CannotStart(f"The sandbox ended at once with status {child.returncode}.")
        if _answers(port):
            return
    raise CannotStart(f"The sandbox did not answer on port {port} within {PATIENCE:.0f} seconds.")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _shop(port: int, sandbox_port: int) -> Iterator[None]:
    os.environ["SANDBOX_PORT"] = str(sandbox_port)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    config: dict[str, Any] = {
        "TOPMAIL_SITE_URL": f"http://{HOST}:{port}",
        "TOPMAIL_DEBUG_HEADER": True,
        "BASKET_LEFT_AFTER": timedelta(minutes=1),
    }
    if "INSTANCE_PATH" in os.environ:
        config["INSTANCE_PATH"] = os.environ["INSTANCE_PATH"]
    app = create_app(config)
    server: BaseWSGIServer = make_server(HOST, port, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, name="shop")
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _say_that_it_is_gone(status: int, port: int) -> None:
    known = " ".join(_what_it_knows())
    print(  # noqa: T201
        f"""
  The sandbox has ended (status {status}). The shop goes on, and keeps what it cannot send.
  To have the sandbox back, in a second terminal:

    {sys.executable} -m topmail_flask.sandbox --port {port} {known}
""",
        file=sys.stderr,
        flush=True,
    )


def _say_what_to_do(shop: str, sandbox: str) -> None:
    known, stranger = DEMO_SHOPPERS[0], DEMO_SHOPPERS[-1]
    print(  # noqa: T201
        f"""
  The shop      {shop}
  The sandbox   {sandbox}   (a local TopMail: views arrive on this page)

  1. Open both, side by side.
  2. Log in to the shop: {shop}/log-in
     {known.email} with the password {known.password}
  3. Look at a product. The view is on the sandbox's page within a second;
     the same product again within a minute counts as one view.
  4. Log in as {stranger.email} ({stranger.password}), who is no contact there:
     each view is refused with contact_not_found, as the account page says.
  5. Press "Create this contact" beside one of them on the sandbox's page:
     the views arrive within a minute, without another page view.
  6. Put something into the basket as {known.email} and leave it there: within a minute
     or so the sandbox starts the automation that mails about it. Buy it before, and it does not.

  No view? The X-TopMail header of each page says why.
  Ctrl-C stops both.
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
