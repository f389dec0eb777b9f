"""The HTTP server: werkzeug's, with connections that stay open and that can be cut.

It answers only requests for a host that the sandbox was started for.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Collection, Iterable
from typing import IO, TYPE_CHECKING, Any, cast

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, select_address_family
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import LimitedStream

from topmail_flask.sandbox.contract import ApiError
from topmail_flask.sandbox.faults import head

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BACKLOG = 1024
_DRAIN_LIMIT = 16_000_000
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def is_wildcard(host: str) -> bool:
    """Return whether a server that listens on ``host`` listens on every address."""
    address = _address(host)
    return not host or (address is not None and address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class HostCheck:
    """Refuses requests whose ``Host`` is not a name that the sandbox was started for.

    A page on the internet could otherwise reach it under a name of its own (DNS rebinding). On
    loopback the names are those of this machine for itself. On other addresses they are IP
    addresses, the machine's own name, and names without a dot (a container's) or in ``.internal``
    (``host.docker.internal``), for nobody can own those on the internet. ``allowed`` are more.
    """

    def __init__(self, app: "WSGIApplication", listens_on: str, allowed: Collection[str]) -> None:
        self._app = app
        self._listens_on = _address(listens_on) or listens_on.lower()
        self._reaches_others = not is_loopback(listens_on)
        self._is_wildcard = is_wildcard(listens_on)
        own = {socket.gethostname().lower()} if self._is_wildcard else set()
        self._names = {*(name.lower().rstrip(".") for name in allowed), *own}

    def allows(self, host: str) -> bool:
        """Return whether a ``Host`` header, with or without a port, names this sandbox."""
        parts = _HOST.fullmatch(host)
        if parts is None:
            return False
        name = parts[1].lower().removesuffix(".")
        address = _address(name.strip("[]"))
        if address is not None:
            return address.is_loopback or self._is_wildcard or address == self._listens_on
        return (
            name in {"localhost", self._listens_on, *self._names}
            or name.endswith(".localhost")
            or (self._reaches_others and ("." not in name or name.endswith(".internal")))
        )

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Pass the request on, or answer 400."""
        host = environ.get("HTTP_HOST", "")
        if self.allows(host):
            return self._app(environ, start)
        message = (
            f"This sandbox does not answer for the host {host!r}: "
            "start it with --allow-host and the host's name"
        )
        body, kind = f"{message}.\n".encode(), "text/plain; charset=utf-8"
        if environ["PATH_INFO"].startswith("/api/"):
            body, kind = ApiError(400, "bad_host", message).response.body, "application/json"
        start("400 -", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]


class Connection(WSGIRequestHandler):
    """One client's connection.

    Werkzeug's own ``run_wsgi`` closes after each answer, and waits 10 ms before that; real clients
    of an API keep their connections, and their faults begin there.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Nagle and delayed ACK together cost 40 ms an answer

    def run_wsgi(self) -> None:
        """Answer one request; leave the connection open if its body was read to the end."""
        environ = self.make_environ()
        body: Any = environ["wsgi.input"]
        if not environ.get("wsgi.input_terminated"):
            length = environ.get("CONTENT_LENGTH", "0")
            body = LimitedStream(
                cast("IO[bytes]", self.rfile), int(length) if length.isdigit() else 0
            )
            environ.update({"wsgi.input": body, "wsgi.input_terminated": True})
            self.close_connection |= not length.isdigit()
        try:
            self._answer(*run_wsgi_app(self.server.app, environ))
            self._drain(body)
        except (ConnectionError, TimeoutError, ClientDisconnected):
            self.close_connection = True

    def _answer(self, chunks: Any, status: str, headers: Any) -> None:
        code = int(status.split(maxsplit=1)[0])
        fields = [*headers, ("Date", self.date_time_string())]
        if "Content-Length" not in headers and code not in {204, 304}:
            self.close_connection = True
        if self.close_connection:
            fields.append(("Connection", "close"))
        start = head(code, fields)
        try:
            for chunk in chunks:
                self.wfile.write(start + chunk)
                start = b""
            if start:
                self.wfile.write(start)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()

    def _drain(self, body: Any) -> None:
        """Read what the application left, so that the next request begins where it should."""
        left = _DRAIN_LIMIT
        while left > 0 and (rest := body.read(65_536)):
            left -= len(rest)
        self.close_connection |= left <= 0

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (werkzeug's name)
        """Stay quiet: the page shows every request."""


class SandboxServer(ThreadedWSGIServer):
    """A threaded server whose :meth:`stop` cuts the connections that are open."""

    def __init__(self, host: str, port: int, app: "WSGIApplication") -> None:
        """Listen at once; raise :class:`OSError` when the address is taken or not ours."""
        with socket.socket(select_address_family(host, port), socket.SOCK_STREAM) as listener:
            # ours is bound by hand: werkzeug prints and exits when the port is taken
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
            super().__init__(host, port, app, Connection, fd=listener.fileno())
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="topmail-sandbox", daemon=True
        )
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection and serve it in a thread of its own."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Stop listening and cut every open connection."""
        self.shutdown()
        self._thread.join()
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client, or an ordered fault, was faster
