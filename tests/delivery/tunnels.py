"""A proxy that opens tunnels, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import trustme


@dataclass
class Tunnels:
    """
    :ivar answer: what a CONNECT is answered.
    """

    port: int
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    heads: list[str] = field(default_factory=list)


@contextmanager
def tunnels(certificate: trustme.LeafCert | None = None) -> Iterator[Tunnels]:
    """Such a proxy; with a certificate it is spoken to over TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = Tunnels(server.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = server.accept()
                    threading.Thread(target=serve, args=(near,), daemon=True).start()

        def serve(near: socket.socket) -> None:
            if certificate is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                certificate.configure_cert(context)
                near = context.wrap_socket(near, server_side=True)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += near.recv(1)
            proxy.heads.append(head.decode())
            near.sendall(proxy.answer)
            if b" 200 " not in proxy.answer:
                return near.close()
            host, _, port = head.split()[1].decode().rpartition(":")
            far = socket.create_connection((host, int(port)))
            threading.Thread(target=pipe, args=(far, near), daemon=True).start()
            return pipe(near, far)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.close()
