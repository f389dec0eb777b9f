"""One HTTP exchange with the API: bytes out, an :class:`Answer` or one of our errors back.

The border to the HTTP library: its exceptions hold the key and the body in their frames, so none of
them passes. What comes out is returned, not raised, so that no frame of ours is kept either.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import IncompleteRead
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ProtocolError
from urllib3.util import Timeout

from topmail_flask.delivery.connections import ApiAdapter, StaleConnectionError
from topmail_flask.delivery.faults import diagnosis
from topmail_flask.model.errors import ConfigurationError, DeliveryError
from topmail_flask.model.settings import Settings

ANSWER_LIMIT = 65_536
"""Bytes of an answer that are read; TopMail's have a few hundred."""
_parked: list[ApiAdapter] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    :ivar status: the HTTP status.
    :ivar headers: its headers; names in any case.
    :ivar body: the body as it was sent; None when it was cut short or has more than 64 KB.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""


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
        self._settings = settings
        self._agent = agent
        connect, read = settings.timeout
        self._timeout = Timeout(connect=connect, read=read)
        self._open()

    def exchange(
        self, method: str, path: str, *, body: bytes | None = None, key: str | None = None
    ) -> Answer | DeliveryError:
        """Make one call; a kept connection that turns out to be closed is replaced once.

        :param path: behind the base URL, with its query.
        :param body: JSON, sent as it is.
        :param key: idempotency key.
        """
        if os.getpid() != self._pid:
            # An inherited connection is the parent's: neither used nor closed here.
            _parked.append(self._adapter)
            self._open()
        try:
            call = self._prepared(method, path, body, key)
            try:
                return self._send(call)
            except requests.ConnectionError as error:
                if not _is_stale(error):
                    raise
            self._adapter.renew()
            return self._send(call)
        except Exception as error:  # noqa: BLE001  # the border: nothing foreign passes
            return diagnosis(error)

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        self._adapter.close()

    def _open(self) -> None:
        proxy = self._settings.proxy
        try:
            adapter = ApiAdapter(
                self._settings.base_url,
                size=self._settings.senders,
                proxy=proxy.reveal() if proxy else None,
                ca=self._settings.ca,
            )
        except OSError:
            adapter = None
        if adapter is None:
            raise ConfigurationError("TOPMAIL_CA must be a readable file of CA certificates (PEM)")
        self._adapter = adapter
        self._pid = os.getpid()

    def _prepared(
        self, method: str, path: str, body: bytes | None, key: str | None
    ) -> requests.PreparedRequest:
        call = requests.PreparedRequest()
        call.method = method
        call.url = self._settings.base_url + path
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {self._settings.api_key.reveal()}",  # type: ignore[union-attr]
            "Host": self._adapter.host,
            "User-Agent": self._agent,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(body))
        if key is not None:
            headers["Idempotency-Key"] = key
        call.headers = CaseInsensitiveDict(headers)
        call.body = body
        return call

    def _send(self, call: requests.PreparedRequest) -> Answer:
        response = self._adapter.send(call, stream=True, timeout=self._timeout)  # type: ignore[arg-type]
        raw: Any = response.raw
        whole = False
        try:
            body = raw.read(ANSWER_LIMIT + 1, decode_content=False)
            whole = len(body) <= ANSWER_LIMIT
        except ProtocolError as error:
            if not isinstance(error.args[-1], IncompleteRead):
                raise
        finally:
            if whole:
                raw.release_conn()
            else:
                raw.close()
                raw.release_conn()
        return Answer(response.status_code, response.headers, body if whole else None)


def _is_stale(error: requests.ConnectionError) -> bool:
    inner = error.args[0] if error.args else None
    reason = inner.args[-1] if isinstance(inner, Exception) and inner.args else None
    return isinstance(reason, StaleConnectionError)


def keep_queries_out_of_the_log() -> None:
    """Have urllib3's debug log leave out the query of a search for a contact: it is an address."""
    logger = logging.getLogger("urllib3.connectionpool")
    if _without_query not in logger.filters:
        logger.addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            part.partition("?")[0] if isinstance(part, str) and "/contacts?" in part else part
            for part in record.args
        )
    return True
