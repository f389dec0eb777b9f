"""What came of a call: a value, or the error that names the reaction.

Both for an answer of the API, and for an exception of the network or the HTTP library.
"""

from __future__ import annotations

import errno
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3

from topmail_flask.delivery.health import FIXES
from topmail_flask.delivery.policy import retry_after
from topmail_flask.model.errors import (
    CallRejected,
    Conflict,
    ContactNotFound,
    DeliveryError,
    RateLimited,
    RetryLater,
    SendingBlocked,
    SuspiciousAnswer,
)
from topmail_flask.model.shopper import Contact, Receipt

# A code or a field's name is text from outside: only what looks like one is passed on.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,63}\Z")
_NETWORK_FIX = "The same call may succeed later; check the network if this lasts"
_PASSING = (408, 425, 407)
_NO_SUCH = "TopMail has no automation with this id: check TOPMAIL_AUTOMATIONS"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    :ivar status: the HTTP status.
    :ivar headers: its headers; names in any case.
    :ivar body: the body as it was sent, or as much of it as came; None: it has more than 64 KB.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""


def receipt(
    answer: Answer, *, any_shape: bool = False, alone: Collection[str] = ()
) -> Receipt | DeliveryError:
    """What became of an event.

    :param any_shape: any 2xx is a success, whatever its body.
    :param alone: codes of 403 and 404 that speak of this call alone.
    """
    found = content(answer)
    if isinstance(found, SuspiciousAnswer) and any_shape:
        found = {}
    if isinstance(found, SendingBlocked) and (code := _code(answer) or found.code) in alone:
        return CallRejected(code, status=answer.status, fix=FIXES.get(code, _NO_SUCH))
    if isinstance(found, DeliveryError):
        return found
    return Receipt(*_texts(found, "id", "contact_id", "product_id", "viewed_at"))


def contact(answer: Answer) -> Contact | DeliveryError:
    """One contact, as it was made."""
    found = content(answer)
    if isinstance(found, DeliveryError):
        return found
    return _contact(found) or _suspicious(answer)


def contacts(answer: Answer) -> list[Contact] | DeliveryError:
    """The contacts that a search found."""
    found = content(answer, list)
    if isinstance(found, DeliveryError):
        return found
    return [contact for each in found if isinstance(each, dict) and (contact := _contact(each))]


def _contact(fields: dict[str, Any]) -> Contact | None:
    (name, email), subscribed = _texts(fields, "id", "email"), fields.get("subscribed")
    if name is None:
        return None
    return Contact(name, email, subscribed if isinstance(subscribed, bool) else None)


def content(answer: Answer, kind: type[Any] = dict) -> Any:
    """What ``data`` holds, or the error."""
    if not 200 <= answer.status < 300:
        return reaction(answer)
    found = _json_object(answer).get("data")
    return found if isinstance(found, kind) else _suspicious(answer)


def reaction(answer: Answer) -> DeliveryError:
    """The error of an answer that is no success."""
    status, code = answer.status, _code(answer)
    if status == 429:
        wait = retry_after(answer.headers, time.time())
        return RateLimited("rate_limited", status=status, fix="Wait", wait=wait or 60.0)
    if status >= 500 or status in _PASSING or status < 200:
        wait = retry_after(answer.headers, time.time(), with_reset=False)
        return RetryLater(code or "server_error", status=status, wait=wait)
    if status < 400:
        return SendingBlocked("redirect", status=status, fix=FIXES["redirect"])
    if status == 401:
        return SendingBlocked("unauthorized", status=status, fix=FIXES["unauthorized"])
    if status == 403 and not code:
        return _suspicious(answer)  # of a firewall, which may dislike this one body
    if status in (402, 403):
        code = "limit_reached" if code == "limit_reached" else "forbidden"
        return SendingBlocked(code, status=status, fix=FIXES[code])
    if status == 404:
        if code == "contact_not_found":
            return ContactNotFound(code, status=status, fix=FIXES[code])
        code = code if code == "workspace_not_found" else "wrong_address"
        return SendingBlocked(code, status=status, fix=FIXES[code])
    if status == 409:
        return Conflict(code or "conflict", status=status, fix="The key is in use; try later")
    path = _error(answer).get("path")
    fields = (path,) if isinstance(path, str) and _FIELD.match(path) else ()
    fix = f"Field: {path}" if fields else ""
    return CallRejected(code or "rejected", status=status, fields=fields, fix=fix)


def _error(answer: Answer) -> dict[str, Any]:
    error = _json_object(answer).get("error")
    return error if isinstance(error, dict) else {}


def _code(answer: Answer) -> str:
    text = _error(answer).get("code")
    return text if isinstance(text, str) and _CODE.match(text) else ""


def _suspicious(answer: Answer) -> SuspiciousAnswer:
    code = "suspicious_endpoint"
    return SuspiciousAnswer(code, status=answer.status, fix=FIXES[code])


def _json_object(answer: Answer) -> dict[str, Any]:
    """The body, if it is a JSON object; else an empty one."""
    try:
        content = json.loads(answer.body or b"")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _texts(fields: dict[str, Any], *names: str) -> list[str | None]:
    """What stands under these names, where it can be an id or an address."""
    found = []
    for name in names:
        value = fields.get(name)
        found.append(value if isinstance(value, str) and 0 < len(value) <= 200 else None)
    return found


_CODES: dict[str, tuple[type[BaseException], ...]] = {
    "name_not_resolved": (socket.gaierror,),
    "connection_refused": (ConnectionRefusedError,),
    "connect_timeout": (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError),
    "read_timeout": (TimeoutError, requests.Timeout),
    "connection_lost": (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError),
}
_PASSING_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def diagnosis(error: Exception) -> DeliveryError:
    """The reaction that a foreign exception calls for; nothing of the exception is kept."""
    causes = list(_causes(error))

    def is_any(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_any(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return RetryLater("proxy_failed", fix="Check TOPMAIL_PROXY")
    if is_any(ssl.SSLError, requests.exceptions.SSLError) and not is_any(*_PASSING_TLS):
        return SendingBlocked("tls", fix=FIXES["tls"])
    code = next((code for code, kinds in _CODES.items() if is_any(*kinds)), "")
    if any(isinstance(cause, OSError) and cause.errno == errno.EMFILE for cause in causes):
        code = "too_many_open_files"
    return RetryLater(code or f"unexpected_{type(causes[0]).__name__.lower()}", fix=_NETWORK_FIX)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it wraps, in whichever way."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None)]
            waiting += [cause.__cause__, cause.__context__]
