"""What a fault on the way to the API means: exceptions of the HTTP library, translated."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
from urllib3 import exceptions as urllib3_errors

from topmail_flask.model.errors import DeliveryError, RetryLater, SendingBlocked

_PASSING_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_NETWORK_CURE = "The same call may succeed later; check the network if this lasts"


def diagnosis(error: Exception) -> DeliveryError:
    """The reaction that a foreign exception calls for; nothing of the exception is kept."""
    causes = list(_causes(error))
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
        return RetryLater("proxy_failed", cure="Check TOPMAIL_PROXY")
    if any(isinstance(cause, (ssl.SSLError, requests.exceptions.SSLError)) for cause in causes):
        if any(isinstance(cause, _PASSING_TLS) for cause in causes):
            return RetryLater("connection_lost", cure=_NETWORK_CURE)
        return SendingBlocked(
            "tls",
            cure="The server's certificate was not accepted: check TOPMAIL_BASE_URL and TOPMAIL_CA",
        )
    return RetryLater(_network_code(causes), cure=_NETWORK_CURE)


def _network_code(causes: list[BaseException]) -> str:
    for kinds, code in _CODES:
        if any(isinstance(cause, kinds) for cause in causes):
            return code
    if any(isinstance(cause, OSError) and cause.errno == errno.EMFILE for cause in causes):
        return "too_many_open_files"
    if any(isinstance(cause, (OSError, urllib3_errors.HTTPError)) for cause in causes):
        return "connection_lost"
    return f"unexpected_{type(causes[0]).__name__.lower()}"


_CODES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror, urllib3_errors.NameResolutionError), "name_not_resolved"),
    (ConnectionRefusedError, "connection_refused"),
    ((requests.ConnectTimeout, urllib3_errors.ConnectTimeoutError), "connect_timeout"),
    ((TimeoutError, requests.Timeout, urllib3_errors.TimeoutError), "read_timeout"),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it wraps, in whichever way."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
