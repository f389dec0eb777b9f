"""``{{ topmail_beacon() }}``: what a template prints so that the page's browser tells of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from flask import current_app, request
from markupsafe import Markup

from topmail_flask.app_state import AppState, state_of
from topmail_flask.beacon.endpoint import beacon_script
from topmail_flask.marking import mark_of
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.reasons import Reason
from topmail_flask.request_page import reason_of
from topmail_flask.request_record import current_record
from topmail_flask.routes import own_address

VARIANTS = 100
"""Variants of a page, at the most; the rest is left out."""
log = logging.getLogger("topmail_flask")
_TAG = Markup('<script defer src="{}?v={}" data-topmail-token="{}"{}{}></script>')


def beacon_tag(
    product: object = None,
    *,
    variants: Iterable[object] = (),
    nonce: str | None = None,
    fields: Mapping[str, object] | None = None,
) -> Markup:
    """The script element of the current page; nothing if it shows no single product.

    It is the same for every visitor: the page may be cached.

    :param product: the product, declared for the server's own view as well. None: what the page
        has declared so far, or its marked route or template variable holds.
    :param variants: those that a visitor can choose on the page: products, objects with an id, or
        mappings of the fields that differ, each with a ``variant_id`` or ``id``.
    :param nonce: of the page's Content-Security-Policy.
    :param fields: as for :func:`~topmail_flask.product_page`.
    """
    state = state_of(None)
    shown = _shown(state, product, fields)
    if isinstance(shown, Reason):
        return _nothing(state, f"{shown}: {shown.sentence} {shown.cure}")
    token = state.beacon.tokens.of_product(shown)
    if token is None:
        return _nothing(state, "its address is too long to be signed")
    current_record().has_beacon = True
    listed = _listed(state, shown, variants)
    told = Markup(' data-topmail-variants="{}"').format(json.dumps(listed)) if listed else ""
    allowed = Markup(' nonce="{}"').format(nonce) if nonce else ""
    version = beacon_script()[1]
    return _TAG.format(own_address("beacon.js"), version, token, told, allowed)


def _shown(
    state: AppState, product: object, fields: Mapping[str, object] | None
) -> Product | Reason:
    if product is None:
        mark = mark_of(current_app.view_functions.get(request.endpoint or ""))
        return state.reader.product_so_far(request, current_record(), mark)
    try:
        shown = state.reader.product(product, request, fields=fields)
    except InvalidValueError as error:
        return reason_of(error)
    state.declare(shown, None)
    return shown


def _listed(state: AppState, product: Product, variants: Iterable[object]) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for one in variants:
        variant = _variant(state, product, one)
        token = variant and state.beacon.tokens.of_variant(variant, product)
        if variant and variant.variant_id and token and len(tokens) < VARIANTS:
            tokens[variant.variant_id] = token
    return tokens


def _variant(state: AppState, product: Product, variant: object) -> Product | None:
    try:
        if isinstance(variant, Mapping):
            told = {name: getattr(product, name) for name in PRODUCT_FIELDS}
            told |= {name: variant[name] for name in PRODUCT_FIELDS if name in variant}
            name = variant.get("variant_id", variant.get("id"))
            return Product.from_fields({**told, "id": product.id, "variant_id": name})
        own = state.reader.product(variant, request, fields={"name": lambda _: product.name})
    except InvalidValueError:
        return None
    if own.variant_id is not None:
        return own
    told_by_it = {
        name: getattr(own, name)
        for name in ("price", "currency", "sku", "image_url")
        if getattr(own, name) is not None
    }
    return replace(product, variant_id=own.id, **told_by_it)


def _nothing(state: AppState, why: str) -> Markup:
    """Nothing for visitors; a developer reads why in the page's source."""
    log.debug("topmail_beacon() prints nothing on %s: %s", request.path, why)
    if not state.tells_browser():
        return Markup("")
    return Markup("<!-- topmail_beacon(): {} -->").format(why)
