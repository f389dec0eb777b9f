"""Connections to the API: one TLS context, a deadline for every answer, nothing from outside.

``requests`` stays the library that a shop's tests can mock; what it decides by the environment or
anew for each call (proxies, ``.netrc``, CA bundles, redirects, cookies) is decided here, once.
"""

from __future__ import annotations

import http.client
import io
import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import certifi
import urllib3
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

DEADLINE = 15.0
"""Seconds that one call may take after its connection is open, however slowly the answer drips."""
_BREAKS = re.compile(r"[\r\n\0]")


class StaleConnectionError(ConnectionError):
    """A kept connection had been closed by the other side when it was used again."""


class ApiAdapter(HTTPAdapter):
    """The way to one base URL.

    :param base_url: where every call goes.
    :param size: connections that are kept open at the most.
    :param proxy: URL of a proxy, or None.
    :param ca: file of CA certificates, or None for certifi's.
    :raises OSError: the CA file cannot be read or holds no certificates.
    """

    def __init__(self, base_url: str, *, size: int, proxy: str | None, ca: str | None) -> None:
        self._base_url = base_url
        self.host = urllib3.util.parse_url(base_url).netloc or ""
        self._proxy = proxy
        self._tls: ssl.SSLContext | None = None
        if base_url.startswith("https:") or (proxy or "").startswith("https:"):
            # Not urllib3's: it keeps the class that it found at its import, and gevent may have
            # replaced that in between.
            self._tls = ssl.create_default_context(cafile=ca or certifi.where())
        super().__init__(
            pool_connections=1,
            pool_maxsize=size,
            # Not blocking: at the end of the interpreter urllib3 empties its pools before our own
            # last calls are made, and a blocking pool would wait for ever then.
            pool_block=False,
            # urllib3 would raise at a Retry-After that it cannot read.
            max_retries=urllib3.Retry(
                0, read=False, redirect=False, respect_retry_after_header=False
            ),
        )
        self._pool = self._new_pool()

    def renew(self) -> None:
        """Have the next call open a new connection; calls under way keep theirs."""
        self._pool = self._new_pool()

    def close(self) -> None:
        """Close the connections, those of calls under way when these are done."""
        self._pool.close()
        self.renew()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As requests does it, with the one TLS context."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._tls)

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> Any:
        """The one pool: nothing about it depends on the request."""
        return self._pool

    def cert_verify(self, conn: Any, *_args: Any, **_kwargs: Any) -> None:
        """Nothing to add: the TLS context verifies, and holds its certificates already."""

    def request_url(self, request: PreparedRequest, _proxies: Any) -> str:
        """Path and query; the whole address where a proxy forwards plain HTTP."""
        url = cast(str, request.url)
        return url if self._proxy and url.startswith("http:") else request.path_url

    def _new_pool(self) -> HTTPConnectionPool:
        if self._proxy is None:
            source = self.poolmanager
            source.clear()
        else:
            source = self.proxy_manager_for(
                self._proxy, ssl_context=self._tls, proxy_ssl_context=self._tls
            )
            source.clear()
        pool: HTTPConnectionPool = source.connection_from_url(self._base_url)
        secure = pool.scheme == "https"
        pool.ConnectionCls = _SecureConnection if secure else _Connection
        return pool


class _Deadlined(HTTPConnection):
    """A connection whose answers have a deadline, and which knows whether it was used before.

    Head and body of a call leave in one piece: two would be two packets and two TLS records, and
    wake the other side twice.
    """

    _answered = 0
    _method = ""
    _deadline = 0.0

    def connect(self) -> None:
        self._answered = 0
        super().connect()

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **_options: Any
    ) -> None:
        """Send a call whose headers are all there: none is added, nothing is encoded."""
        self._method, self._deadline = method, time.monotonic() + DEADLINE
        lines = [f"{method} {url} HTTP/1.1", *map(": ".join, headers.items())]
        if _BREAKS.search("".join(lines)):
            raise ValueError("a header would end the line")
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        whole = "\r\n".join([*lines, "\r\n"]).encode("latin-1") + (body or b"")
        self._or_stale(partial(self.send, whole))

    def getresponse(self) -> Any:
        self.sock.settimeout(self.timeout)
        answer = _Response(self.sock, self._method, self._deadline)
        self._or_stale(answer.begin)
        self._answered += 1
        return answer

    def _or_stale(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except ConnectionError:
            if not self._answered:
                raise
        raise StaleConnectionError("a kept connection was closed")


class _Connection(_Deadlined):
    pass


class _SecureConnection(_Deadlined, HTTPSConnection):
    pass


class _Response(http.client.HTTPResponse):
    """An answer until its deadline, with what urllib3's pool and its users ask of theirs.

    :ivar _pool: set by urllib3, as its connection.
    """

    version_string = "HTTP/1.1"
    _pool: Any = None
    _connection: Any = None

    def __init__(self, sock: Any, method: str, deadline: float) -> None:
        super().__init__(cast(Any, _UntilDeadline(sock, deadline)), method=method)

    @property
    def length_remaining(self) -> int | None:
        return self.length

    def read(self, amt: int | None = None, **_options: Any) -> bytes:
        """As urllib3: what was cut short is no body."""
        body = super().read(amt)
        if self.length and (amt is None or len(body) < amt):
            short = http.client.IncompleteRead(body, self.length)
            raise ProtocolError("the answer was cut short", short)
        return body

    def release_conn(self) -> None:
        """Give the connection back, to be used again if both sides keep it open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self.will_close:
                connection.close()
            self._pool._put_conn(connection)  # noqa: SLF001  # as urllib3's own answers do

    def close(self) -> None:
        super().close()
        if self._connection is not None:
            self._connection.close()


class _UntilDeadline(io.RawIOBase):
    """Bytes of a socket until a moment of the monotonic clock.

    A socket's own time-out begins anew with every byte that arrives.
    """

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As a socket, for http.client to read an answer from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        pause = self._sock.gettimeout()
        if pause is None or left < pause:
            self._sock.settimeout(left)
        return cast("int | None", self._sock.recv_into(buffer))
