"""Which product a page shows: one pure function for request, middleware, command line and tests."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping

from topmail_flask.domain.extraction import Extraction, Rejected, Trace
from topmail_flask.domain.product import ID_LIMIT, Product
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.settings import Settings
from topmail_flask.sources.addresses import is_front_page
from topmail_flask.sources.assembly import Assembly, assemble, assemble_plain
from topmail_flask.sources.choice import Choice
from topmail_flask.sources.completion import complete
from topmail_flask.sources.document import Document, in_utf8
from topmail_flask.sources.json_ld import cut_blocks
from topmail_flask.sources.markers import (
    json_ld_positions,
    mentions_product,
    names_other_product,
    names_product_items,
)
from topmail_flask.sources.recent_pages import BYTES_LIMIT, MOMENT, RecentPages
from topmail_flask.sources.structured_page import StructuredPage
from topmail_flask.sources.variants import arguments

_DEFAULTS = Settings()
_RECENT = RecentPages()
_NOTED = 20
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip, zstd


def extract(
    html: bytes | str,
    url: str,
    *,
    currency: str | None = None,
    declared: Product | None = None,
    template_product: Product | None = None,
    settings: Settings | None = None,
    charset: str | None = None,
    view_args: Mapping[str, object] | None = None,
    now: float | None = None,
) -> Extraction:
    """The product that a page shows, or the reason why there is none. Never raises.

    A declared product, else one of the template, *is* the product (rules R20, R21): the page's
    structured data only fills its gaps, and only where it describes the same product. Without
    either, JSON-LD, microdata and OpenGraph tell it, in this order (rules R5 to R56).

    :param html: the page, decoded or as bytes.
    :param url: absolute URL of the request, with its query, on the shop's own site.
    :param currency: ISO 4217 code of prices that name none; instead of the setting.
    :param declared: the product that the shop named for this page.
    :param template_product: the product of the template variable.
    :param settings: the shop's settings; None: the defaults.
    :param charset: character set that the Content-Type named.
    :param view_args: the values that the route took from the URL; one may choose a variant.
    :param now: the time, in seconds since the epoch, by which offers begin and end.
    """
    settings = settings or _DEFAULTS
    try:
        page = in_utf8(html, charset)
        base = declared or template_product
        document = Document(page, url, json_ld_positions(page))
        blocks = cut_blocks(document)
        if not any(map(mentions_product, blocks)) and not names_other_product(page):
            if base is None:
                packed = page.startswith(_COMPRESSED)
                return Extraction(None, Reason.ENCODED if packed else Reason.NO_PRODUCT)
            document, blocks = Document(b"", url, []), []
        currency = currency or settings.currency
        now = time.time() if now is None else now
        chosen = arguments(url, view_args, settings.variant_args)
        key = None
        if base is None and 0 < sum(map(len, blocks)) <= BYTES_LIMIT:
            key = _key(document, blocks, settings, currency, now, chosen)
            known = _RECENT.answer(key)
            if known is not None:
                return known
        structured = StructuredPage(document, blocks, settings, currency, now)
        if base is not None:
            source = "declared" if declared is not None else "template"
            second = template_product if declared is not None else None
            return complete(base, source, second, structured, chosen)
        extraction = read_product(structured, chosen)
        if key is not None and structured.is_read_by_its_head:
            _RECENT.remember(key, extraction)
        return extraction
    except Exception as error:  # noqa: BLE001  a page that breaks our reading is the shop's page still
        why = Rejected("page", f"could not be read: {type(error).__name__}")
        return Extraction(
            declared or template_product,
            None if declared or template_product else Reason.NO_PRODUCT,
            Trace(rejected=(why,)),
        )


def _key(
    document: Document,
    blocks: list[bytes],
    settings: Settings,
    currency: str | None,
    now: float,
    chosen: set[str],
) -> Hashable:
    """All that the answer depends on where JSON-LD and the head decide."""
    head = document.head
    items = names_product_items(document.html)
    place = (document.url, head.canonical, head.base, head.lang)
    shop = (settings, currency, now // MOMENT, frozenset(chosen))
    return (*blocks, head.meta_tags(), items, place, shop)


def read_product(page: StructuredPage, chosen: set[str]) -> Extraction:
    """The product that the page's structured data tells.

    :param chosen: values of arguments that choose a variant.
    """
    plain = page.plain_entity()
    if plain is not None:
        return _result(page, Choice(plain), assemble_plain(page, plain, chosen))
    page.read_the_rest()
    choice = page.choose()
    if choice.entity is None:
        return Extraction(None, choice.reason, _trace(page, choice))
    return _result(page, choice, assemble(page, choice.entity, chosen))


def _result(page: StructuredPage, choice: Choice, assembly: Assembly) -> Extraction:
    if is_front_page(page.place.url, page.settings.url_args) and page.place.canonical is None:
        return Extraction(None, Reason.FRONT_PAGE, _trace(page, choice))
    product_id = assembly.values.get("id")
    if product_id is None:
        return Extraction(None, Reason.INCOMPLETE, _trace(page, choice, assembly))
    if len(product_id) > ID_LIMIT:
        return Extraction(None, Reason.ID_TOO_LONG, _trace(page, choice, assembly))
    product = assembly.product()
    if product is None:
        return Extraction(None, Reason.INVALID_PRODUCT, _trace(page, choice, assembly))
    return Extraction(product, None, _trace(page, choice, assembly))


def _trace(page: StructuredPage, choice: Choice, assembly: Assembly | None = None) -> Trace:
    problems = [*page.document.notes, *(assembly.problems if assembly else ())]
    if choice.why:
        problems.append(("page", choice.why))
    return Trace(
        fields=tuple(assembly.fields) if assembly else (),
        conflicts=tuple(assembly.conflicts) if assembly else (),
        rejected=tuple(Rejected(what, why) for what, why in problems[:_NOTED]),
        candidates=() if choice.entity else page.candidate_names(_NOTED),
        related=tuple(page.found.related),
        repairs=tuple(page.repairs),
    )
