"""What the tests of foreign objects share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topmail_flask.extraction.objects import ProductReader
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

PAGE = "https://shop.test/products/7"


def read(
    value: object,
    *,
    url: str = PAGE,
    view_args: Mapping[str, object] | None = None,
    fields: Mapping[str, object] | None = None,
    needs_price: bool = False,
    rejected: dict[str, str] | None = None,
    **settings: Any,
) -> Product:
    """What a euro shop would send for ``value``."""
    reader = ProductReader(Settings(**{"currency": "EUR", **settings}))
    found = reader.guess(value, url, view_args or {}, fields=fields, needs_price=needs_price)
    if rejected is not None:
        rejected.update((what, why) for what, why, _ in found.rejected)
    return found.product
