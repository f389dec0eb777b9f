"""``{{ topmail_beacon() }}``: what a page says when its browser shows it, and what hears of it."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from flask import Request, Response, request
from markupsafe import Markup

from topmail_flask.beacon.messages import LIMIT, Allowance, is_own, read_message, sender_of
from topmail_flask.beacon.tokens import Tokens
from topmail_flask.core import Core
from topmail_flask.flask_page import FlaskPage
from topmail_flask.guard import guarded
from topmail_flask.model.decision import Decision
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.reasons import Reason
from topmail_flask.page import RenderedPage
from topmail_flask.page_reader import reason_of
from topmail_flask.routes import SCRIPT, own_address

FRESH = 3.0
"""Seconds between the load of a page and the moment when it was rendered, if that was for it.

The beacon's way to the server and clocks of several machines are in it.
"""
VARIANTS = 100
"""Variants of a page, at the most; the rest is left out."""
log = logging.getLogger("topmail_flask")
_SLACK = 1.0
_ATTRIBUTE = re.compile(rb'data-topmail-token="([\w.-]+)"')
_TAG = Markup('<script defer src="{}?v={}" data-topmail-token="{}"{}{}></script>')
_A_YEAR, _AN_HOUR = 31_536_000, 3600


@dataclass(frozen=True, slots=True)
class BeaconHit:
    """A message that passed all checks of where it comes from.

    :ivar is_seen: whether the server rendered the page for this very load, and so has decided.
    """

    product: Product
    is_seen: bool


class Beacon:
    """Signs products for one app's pages, and hears from browsers that these are shown.

    Server and beacon never count the same load, without a memory that all processes would have to
    share. A token says when its page was rendered. If that was for this load, the server decided
    then, and the beacon does nothing (:attr:`BeaconHit.is_seen`). If the page was there before (the
    store's own cache answered), the server leaves it to the beacon (:meth:`tells_of`). What is
    left to chance, a page of a few seconds' age, is a repeat within ``TOPMAIL_REPEAT_WINDOW``.

    :param clock: seconds since the epoch.
    """

    def __init__(self, core: Core, clock: Callable[[], float] = time.time) -> None:
        self.guard = core.guard
        self._core = core
        older = core.app.config.get("SECRET_KEY_FALLBACKS") or []
        self.tokens = Tokens((*older, core.secret), core.settings.beacon_max_age, clock)
        self._allowance = Allowance()
        self._clock = clock
        named = {urlsplit(core.settings.site_url or "").netloc, core.app.config["SERVER_NAME"]}
        self._hosts = {name.lower() for name in named if name}

    def receive(self) -> Response:
        """Take a message: always a 204 without a body, which tells nobody anything.

        What it comes to is decided when the response is final, like that of a page: the session is
        saved by then, and reading it changes no header.
        """
        page = self._core.reader.current_page()
        page.own = partial(self._decide, page.request, self.hit(page.request))
        response = Response(status=204, headers={"Cache-Control": "no-store"})
        del response.headers["Content-Type"]
        return response

    def script(self) -> Response:
        """The script, to be kept for good under the version that pages name."""
        content, version = beacon_script()
        response = Response(content, content_type="text/javascript; charset=utf-8")
        kept = request.args.get("v") == version
        seconds = _A_YEAR if kept else _AN_HOUR
        immutable = ", immutable" if kept else ""
        response.headers["Cache-Control"] = f"public, max-age={seconds}{immutable}"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.set_etag(version)
        response.make_conditional(request)
        return response

    @guarded(Reason.BEACON_REFUSED)
    def hit(self, request: Request) -> BeaconHit | Reason:
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
        return BeaconHit(signed.product, is_seen)

    def tells_of(self, page: FlaskPage) -> bool:
        """Whether the visitor has, or is sent, an older copy of this page with a beacon on it."""
        if page.has_beacon:
            return page.status == 304  # rendered now, but the browser shows its own copy
        found = _ATTRIBUTE.search(page.html or b"")
        signed = self.tokens.read(found[1].decode()) if found else None
        if signed is None or isinstance(signed, Reason):
            return False
        return signed.issued_at < self._clock() - FRESH - _SLACK

    def tag(
        self,
        context: Mapping[str, Any],
        product: object = None,
        *,
        variants: Iterable[object] = (),
        nonce: str | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> Markup:
        """The script element of the current page; nothing if it shows no single product.

        It is the same for every visitor: the page may be cached.

        :param context: of the template that it stands in.
        :param product: the product, declared for the server's own view as well. None: what the page
            has declared so far, or its marked route or template variable holds.
        :param variants: those that a visitor can choose on the page: products, objects with an id,
            or mappings of the fields that differ, each with a ``variant_id`` or ``id``.
        :param nonce: of the page's Content-Security-Policy.
        :param fields: as for :func:`~topmail_flask.product_page`.
        """
        reader = self._core.reader
        page = reader.current_page()
        shown = (
            reader.product_so_far(context)
            if product is None
            else self._named(page, product, fields)
        )
        if isinstance(shown, Reason):
            return self._nothing(f"{shown}: {shown.sentence} {shown.fix}")
        token = self.tokens.of_product(shown)
        if token is None:
            return self._nothing("its address is too long to be signed")
        page.has_beacon = True
        listed = self._listed(page.request, shown, variants)
        choices = Markup(' data-topmail-variants="{}"').format(json.dumps(listed)) if listed else ""
        allowed = Markup(' nonce="{}"').format(nonce) if nonce else ""
        script = own_address(self._core, SCRIPT)
        return _TAG.format(script, beacon_script()[1], token, choices, allowed)

    def _named(
        self, page: FlaskPage, product: object, fields: Mapping[str, object] | None
    ) -> Product | Reason:
        try:
            named = self._core.reader.product(product, page.request, fields=fields)
        except InvalidValueError as error:
            return reason_of(error)
        page.note_named(named)
        return named

    def _listed(
        self, request: Request, product: Product, variants: Iterable[object]
    ) -> dict[str, str]:
        tokens: dict[str, str] = {}
        for listed in variants:
            variant = self._variant(request, product, listed)
            token = variant and self.tokens.of_variant(variant, product)
            if variant and variant.variant_id and token and len(tokens) < VARIANTS:
                tokens[variant.variant_id] = token
        return tokens

    def _variant(self, request: Request, product: Product, variant: object) -> Product | None:
        try:
            if isinstance(variant, Mapping):
                values = {name: getattr(product, name) for name in PRODUCT_FIELDS}
                values |= {name: variant[name] for name in PRODUCT_FIELDS if name in variant}
                name = variant.get("variant_id", variant.get("id"))
                return Product.from_fields({**values, "id": product.id, "variant_id": name})
            fields = {"name": lambda _: product.name}
            own = self._core.reader.product(variant, request, fields=fields)
        except InvalidValueError:
            return None
        if own.variant_id is not None:
            return own
        differing = {
            name: getattr(own, name)
            for name in ("price", "currency", "sku", "image_url")
            if getattr(own, name) is not None
        }
        return replace(product, variant_id=own.id, **differing)

    def _nothing(self, why: str) -> Markup:
        """Nothing for visitors; a developer reads why in the page's source."""
        log.debug("topmail_beacon() prints nothing on %s: %s", request.path, why)
        if not self._core.tells_browser():
            return Markup("")
        return Markup("<!-- topmail_beacon(): {} -->").format(why)

    def _decide(self, asked: Request, hit: BeaconHit | Reason, response: Response) -> Decision:
        tracker = self._core.tracker
        if isinstance(hit, Reason):
            return tracker.refuse(hit)
        if hit.is_seen:
            return tracker.refuse(Reason.COUNTED)
        # It stands for a page that was opened, however the script sends it.
        environ = {
            key: value
            for key, value in asked.environ.items()
            if not key.startswith("HTTP_SEC_FETCH_")
        } | {"REQUEST_METHOD": "GET"}
        reason = tracker.requests.refusals(environ)[True]
        if reason is not None:
            return tracker.refuse(reason)
        url = hit.product.url or asked.url
        page = RenderedPage(environ)
        page.url, page.path = url, urlsplit(url).path
        page.marked, page.declared = True, (hit.product,)
        return tracker.decide_about_visitor(page, self._core.shopper_source(asked), response)


@cache
def beacon_script() -> tuple[bytes, str]:
    """The script's content, and its version, which changes with it."""
    content = files("topmail_flask.beacon").joinpath("beacon.js").read_bytes()
    return content, sha256(content).hexdigest()[:12]
