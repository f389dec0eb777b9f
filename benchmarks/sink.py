"""A TopMail that says yes to everything, for the price of a socket: ``python -m benchmarks.sink``.

Prints its port. Answers after as many seconds as its argument says; counts nothing, checks nothing.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

BODY = (
    b'{"data":{"id":"view-1","contact_id":"contact-1","product_id":"1","product_name":"Shoe",'
    b'"viewed_at":"2025-01-15T14:30:00.000Z"}}'
)
ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(BODY), BODY)
)


def answer(connection: socket.socket, latency: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    while received := connection.recv(65536):
        waiting += received
        head, separator, body = waiting.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        if not separator or len(body) < length:
            continue
        waiting = body[length:]
        if latency:
            time.sleep(latency)
        connection.sendall(ANSWER)


@contextmanager
def running(latency: float = 0.0) -> Iterator[str]:
    """The address of a sink in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sink", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        try:
            yield f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        finally:
            sink.kill()


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        one, _ = listener.accept()
        threading.Thread(target=answer, args=(one, float(sys.argv[1])), daemon=True).start()
