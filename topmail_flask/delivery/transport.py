"""One HTTP exchange with the API: bytes out, an :class:`Answer` or one of our errors back.

``requests`` stays the library that a shop's tests can mock: a call goes through its adapter's
``send``, and only the pool behind that is ours. So one TLS context serves all calls, head and body
of a call leave in one piece, every answer has a deadline, and the environment (proxies, ``.netrc``,
CA bundles) changes nothing. Errors are returned: the libraries' hold key and body in their frames.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, ProxyError
from urllib3.util import Url, make_headers, parse_url, wait_for_read
from urllib3.util.ssltransport import SSLTransport

from topmail_flask.delivery.answers import Answer, diagnosis
from topmail_flask.delivery.http_response import BODY_LIMIT, HTTPResponse
from topmail_flask.model.errors import ConfigurationError, DeliveryError
from topmail_flask.model.settings import Settings

_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Transport:
    """Connections to one base URL with one key. Safe to share between threads and over forks.

    :param settings: with an ``api_key``.
    :param agent: text of the ``User-Agent`` header.
    :raises ConfigurationError: no key, or a CA file that holds no certificates.
    """

    def __init__(self, settings: Settings, agent: str) -> None:
        if settings.api_key is None:
            raise ConfigurationError(
                "TOPMAIL_API_KEY is missing: a client needs the key of a workspace"
            )
        self._adapter: Any = None
        with suppress(OSError):
            self._adapter = _Adapter(settings)
        if self._adapter is None:
            raise ConfigurationError("TOPMAIL_CA must be a readable file of CA certificates (PEM)")
        self._base_url, self._key = settings.base_url, settings.api_key
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Host": parse_url(settings.base_url).netloc or "",
            "User-Agent": agent,
        }

    def exchange(
        self, method: str, path: str, *, body: bytes | None = None, key: str | None = None
    ) -> Answer | DeliveryError:
        """Make one call; a kept connection that turns out to be closed is replaced once.

        :param path: behind the base URL, with its query.
        :param body: JSON, sent as it is.
        :param key: idempotency key.
        """
        headers = self._headers | {"Authorization": f"Bearer {self._key.reveal()}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if key is not None:
            headers["Idempotency-Key"] = key
        call = requests.PreparedRequest()
        call.method, call.url, call.body = method, self._base_url + path, body
        call.headers = CaseInsensitiveDict(headers)
        try:
            response = self._adapter.send(call, stream=True)
            content = response.raw.read(BODY_LIMIT + 1, decode_content=False)
        except Exception as error:  # noqa: BLE001  # the border: nothing foreign passes
            return diagnosis(error)
        whole = content if len(content) <= BODY_LIMIT else None
        return Answer(response.status_code, response.headers, whole)

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        self._adapter.close()


class _Adapter(HTTPAdapter):
    """The way to one base URL: its own pool, which keeps a connection for each sender.

    :raises OSError: the CA file cannot be read or holds no certificates.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._idle: deque[Any] = deque()
        self._closed, self._pid = 0, os.getpid()
        self._server = parse_url(settings.base_url)
        self._proxy = parse_url(settings.proxy.reveal()) if settings.proxy else None
        self._timeout, self._size = settings.timeout, settings.senders
        self._secure = self._server.scheme == "https"
        login = self._proxy.auth if self._proxy else None
        self._login = make_headers(proxy_basic_auth=unquote(login)) if login else {}
        self._tls: Any = None
        if self._secure or (self._proxy is not None and self._proxy.scheme == "https"):
            # Not urllib3's: gevent may have replaced the class that it found at its import.
            self._tls = ssl.create_default_context(cafile=settings.ca or certifi.where())
            self._tls.set_alpn_protocols(["http/1.1"])

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> Any:
        """What makes the call: nothing about it depends on the request."""
        return self

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing to add: the one TLS context verifies."""

    def request_url(self, request: requests.PreparedRequest, _proxies: Any) -> str:
        """Path and query; the whole address where a proxy forwards plain HTTP."""
        return request.url or "" if self._proxy and not self._secure else request.path_url

    def urlopen(
        self, *, method: str, url: str, body: bytes | None, headers: Mapping[str, str], **_: Any
    ) -> urllib3.HTTPResponse:
        """Make a call whose headers are all there: none is added, nothing is encoded."""
        head = headers if self._secure else {**headers, **self._login}
        call = _encoded(f"{method} {url}", head) + (body or b"")
        if self._pid != os.getpid():
            self.close()  # after a fork: to close a copy says nothing to the server
            self._pid = os.getpid()
        closed, sock, answer = self._closed, self._kept(), None
        if sock is not None:
            with suppress(*_CLOSED):  # by the server, in the meantime
                answer = self._answer(sock, call)
        if answer is None:
            sock = self._opened()
            answer = self._answer(sock, call)
        try:
            answer.read_body()
        except BaseException:
            sock.close()
            raise
        if answer.reusable and len(self._idle) < self._size and closed == self._closed:
            self._idle.append(sock)
        else:
            sock.close()
        fields, content = urllib3.HTTPHeaderDict(answer.fields), io.BytesIO(answer.body)
        options: Any = {"preload_content": False, "enforce_content_length": False}
        return urllib3.HTTPResponse(content, fields, answer.status, **options)

    def close(self) -> None:
        """Close what is kept; a call under way closes its own when it is done."""
        self._closed += 1
        while self._idle:
            self._idle.pop().close()

    __del__ = close

    def _kept(self) -> Any:
        """A connection that was used before and is open, as far as can be seen; or None."""
        with suppress(IndexError):
            while sock := self._idle.pop():
                if not wait_for_read(sock, timeout=0):
                    return sock
                sock.close()
        return None

    def _opened(self) -> Any:
        """A new connection, through the proxy if there is one."""
        try:
            sock = self._first_hop(self._proxy or self._server)
        except OSError as error:
            if self._proxy is not None:
                raise ProxyError("the proxy cannot be used", error) from None
            if isinstance(error, TimeoutError):
                raise ConnectTimeoutError("no connection in time") from None
            raise
        return self._secured(sock, self._server) if self._secure else sock

    def _first_hop(self, url: Url) -> Any:
        port = url.port or (443 if url.scheme == "https" else 80)
        sock: Any = socket.create_connection((_name(url), port), self._timeout[0])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._proxy is not None and url.scheme == "https":
            sock = self._secured(sock, url)
        if self._proxy is not None and self._secure:
            there = f"{self._server.host}:{self._server.port or 443}"
            call = _encoded(f"CONNECT {there}", {"Host": there, **self._login})
            if self._answer(sock, call).status != 200:
                sock.close()
                raise OSError("the proxy refuses")
        return sock

    def _secured(self, sock: Any, url: Url) -> Any:
        try:
            if isinstance(sock, ssl.SSLSocket):  # a proxy's
                return SSLTransport(sock, self._tls, _name(url))
            return self._tls.wrap_socket(sock, server_hostname=_name(url))
        except BaseException:
            sock.close()
            raise

    def _answer(self, sock: Any, call: bytes) -> HTTPResponse:
        """Send a call; the head of its answer has come when this returns."""
        try:
            answer = HTTPResponse(sock, self._timeout[1])
            sock.sendall(call)
            answer.read_head()
        except BaseException:
            sock.close()
            raise
        return answer


def _name(url: Url) -> str:
    return (url.host or "").strip("[]")


def _encoded(request: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{request} HTTP/1.1", *map(": ".join, headers.items())]
    if not "".join(lines).isprintable():
        raise ValueError("a header would end the line")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
