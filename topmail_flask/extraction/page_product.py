"""Which product a page shows: one pure function for request, middleware, command line and tests."""

from __future__ import annotations

import time
from collections.abc import Mapping

from topmail_flask.extraction.document import Document, in_utf8
from topmail_flask.extraction.json_ld import cut_blocks
from topmail_flask.extraction.markers import (
    COMPRESSED,
    json_ld_positions,
    mentions_product,
    names_open_graph_product,
)
from topmail_flask.extraction.recent_pages import RecentPages
from topmail_flask.model.decision import Extraction, Rejected, Trace, traced
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

_DEFAULTS = Settings()
_SILENT = RecentPages(2048)


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
        base = declared or template_product
        # A page that had nothing to add to this product is not searched for it again: markup of
        # a product would make it longer. (What a query holds is not kept.)
        is_named_once = base is not None and (declared is None or template_product is None)
        look = (
            (url, len(html), base, declared is None, charset)
            if is_named_once and "?" not in url
            else None
        )
        silent = _SILENT.answer(look) if look else None
        if silent is not None:
            return silent
        page = in_utf8(html, charset)
        document = Document(page, url, json_ld_positions(page))
        blocks = cut_blocks(document)
        if not (
            any(map(mentions_product, blocks))
            or names_open_graph_product(page)
            or document.names_product_items
        ):
            if base is None:
                packed = page.startswith(COMPRESSED)
                return Extraction(None, Reason.ENCODED if packed else Reason.NO_PRODUCT)
            if base.url is not None and is_named_once:
                told = _as_told(base, "template" if declared is None else "declared")
                if look:
                    _SILENT.remember(look, told)
                return told
            document, blocks = Document(b"", url, []), []
        # Most pages end above; what reads products is loaded with the first that holds one.
        from topmail_flask.extraction.structured_product import Question, answer  # noqa: PLC0415

        now = time.time() if now is None else now
        question = Question(
            document, blocks, settings, currency or settings.currency, now, view_args
        )
        return answer(question, declared, template_product)
    except Exception as error:  # noqa: BLE001  a page that breaks our reading is the shop's page still
        why = Rejected("page", f"could not be read: {type(error).__name__}")
        return Extraction(
            declared or template_product,
            None if declared or template_product else Reason.NO_PRODUCT,
            Trace(rejected=(why,)),
        )


def _as_told(product: Product, source: str) -> Extraction:
    """The product of a page that adds nothing to what the shop named."""
    return Extraction(product, None, Trace(tuple(traced(product, source))))
