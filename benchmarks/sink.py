"""A TopMail that says yes to everything, for the price of a socket: ``python -m benchmarks.sink``.

Prints its port. Checks nothing, and says yes in the words of the other trackers' APIs as well.
``GET /count`` tells how many connections it has taken and how many calls it has answered.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BODY = (
    b'{"data":{"id":"view-1","contact_id":"contact-1","product_id":"1","product_name":"Shoe",'
    b'"viewed_at":"2025-01-15T14:30:00.000Z"},"status":1}'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(BODY) + BODY
counts: Counter[str] = Counter(connections=0, calls=0)


def answer(connection: socket.socket, latency: float, context: ssl.SSLContext | None) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        waiting = b""
        while received := connection.recv(65536):
            waiting += received
            head, separator, body = waiting.partition(b"\r\n\r\n")
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if not separator or len(body) < length:
                continue
            waiting = body[length:]
            if head.startswith(b"GET /count "):
                told = json.dumps(counts).encode()
                connection.sendall(HEAD % len(told) + told)
                continue
            counts["calls"] += 1
            if latency:
                time.sleep(latency)
            connection.sendall(ANSWER)
    connection.close()


@contextmanager
def running(latency: float = 0.0, certificate: Path | None = None) -> Iterator[str]:
    """The address of a sink in a process of its own.

    :param latency: seconds until it answers.
    :param certificate: PEM file with a key and its chain; the sink speaks TLS then.
    """
    command = [sys.executable, "-m", "benchmarks.sink", f"--latency={latency}"]
    command += [f"--certificate={certificate}"] if certificate else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        try:
            port = sink.stdout.readline().strip()
            yield f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
        finally:
            sink.kill()


def counted(sink: str, context: ssl.SSLContext | None = None) -> dict[str, int]:
    """Connections and calls of a sink, without the connection that asks."""
    with urllib.request.urlopen(f"{sink}/count", timeout=10, context=context) as told:
        found: dict[str, int] = json.load(told)
    return {**found, "connections": found["connections"] - 1}


ASKER = """
import socket, sys, time
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
call = b"POST / HTTP/1.1\\r\\nHost: sink\\r\\nContent-Length: 400\\r\\n\\r\\n" + b"x" * 400
calls, end = 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    link.sendall(call)
    link.recv(4096)
    calls += 1
print(calls)
"""


def ceiling(sink: str, seconds: float) -> float:
    """Calls a second that it answers to two processes with bare sockets."""
    command = [sys.executable, "-c", ASKER, sink.rpartition(":")[2], str(seconds)]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(int(one.communicate()[0]) for one in asking) / seconds


def main() -> None:
    told = argparse.ArgumentParser()
    told.add_argument("--latency", type=float, default=0.0)
    told.add_argument("--certificate", type=Path)
    asked = told.parse_args()
    context = None
    if asked.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(asked.certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        one, _ = listener.accept()
        counts["connections"] += 1
        threading.Thread(target=answer, args=(one, asked.latency, context), daemon=True).start()


if __name__ == "__main__":
    main()
