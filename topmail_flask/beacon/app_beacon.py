"""What the beacon keeps for one app: its keys, and who has sent how much."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Request

from topmail_flask.app_state import state_of
from topmail_flask.beacon.allowance import Allowance
from topmail_flask.beacon.messages import LIMIT, is_own, read_message, sender_of
from topmail_flask.beacon.tokens import Tokens
from topmail_flask.model.decision import RenderedPage
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.request_record import current_record

FRESH = 3.0
"""Seconds between the load of a page and the moment when it was rendered, if that was for it.

The beacon's way to the server and clocks of several machines are in it.
"""
_SLACK = 1.0
_ATTRIBUTE = re.compile(rb'data-topmail-token="([\w.-]+)"')


@dataclass(frozen=True, slots=True)
class Look:
    """A message that passed all checks of where it comes from.

    :ivar is_seen: whether the server rendered the page for this very load, and so has decided.
    """

    product: Product
    is_seen: bool


class AppBeacon:
    """Reads messages of one app's pages.

    Server and beacon never count the same load, without a memory that all processes would have to
    share. A token says when its page was rendered. If that was for this load, the server decided
    then, and the beacon does nothing (:attr:`Look.is_seen`). If the page was there before (the
    store's own cache answered), the server leaves it to the beacon (:meth:`tells_of`). What is
    left to chance, a page of a few seconds' age, is a repeat within ``TOPMAIL_REPEAT_WINDOW``.

    :param keys: the app's secrets, the oldest first.
    :param server_name: ``SERVER_NAME`` of the app, if it has one.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Sequence[str | bytes],
        server_name: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tokens = Tokens(keys, settings.beacon_max_age, clock)
        self._allowance = Allowance()
        self._clock = clock
        named = {urlsplit(settings.site_url or "").netloc, server_name or ""}
        self._hosts = {name.lower() for name in named if name}

    @classmethod
    def of(cls, app: Flask, clock: Callable[[], float] = time.time) -> AppBeacon:
        """The beacon of an app, which also accepts the keys of ``SECRET_KEY_FALLBACKS``."""
        state = state_of(app)
        older = app.config.get("SECRET_KEY_FALLBACKS") or []
        return cls(state.settings, (*older, state.secret), app.config["SERVER_NAME"], clock)

    def look(self, request: Request) -> Look | Reason:
        """What a request tells, or why it is not listened to. Reads at most 2 KB of it."""
        environ = request.environ
        if request.method != "POST" or not is_own(environ, {request.host.lower(), *self._hosts}):
            return Reason.BEACON_REFUSED
        if not self._allowance.take(sender_of(environ)):
            return Reason.BEACON_REFUSED
        if (request.content_length or 0) > LIMIT:
            return Reason.BEACON_REFUSED
        message = read_message(request.stream.read(LIMIT + 1))
        if message is None:
            return Reason.BEACON_REFUSED
        signed = self.tokens.read(message.token, message.variant)
        if isinstance(signed, Reason):
            return signed
        loaded_at = self._clock() - message.age
        is_seen = message.kind == "load" and signed.issued_at >= loaded_at - FRESH
        return Look(signed.product, is_seen)

    def tells_of(self, page: RenderedPage) -> bool:
        """Whether the visitor has, or is sent, an older copy of this page with a beacon on it."""
        if current_record().has_beacon:
            return page.status == 304  # rendered now, but the browser shows its own copy
        found = _ATTRIBUTE.search(page.html or b"")
        signed = self.tokens.read(found[1].decode()) if found else None
        if signed is None or isinstance(signed, Reason):
            return False
        return signed.issued_at < self._clock() - FRESH - _SLACK
