"""Small pages for the tests of structured data."""

from __future__ import annotations

import json
from typing import Any

PAGE = "https://shop.example/p/mug"
MUG: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Blue Mug",
    "sku": "MUG-1",
    "offers": {"@type": "Offer", "price": "12.50", "priceCurrency": "EUR"},
}


def mug(**changes: Any) -> dict[str, Any]:
    """The mug with other properties; None leaves one out."""
    node = {**MUG, **changes}
    return {name: value for name, value in node.items() if value is not None}


def block(*documents: Any, media_type: str = "application/ld+json") -> str:
    """A JSON-LD block for each document; text is taken as it is."""
    texts = [data if isinstance(data, str) else json.dumps(data) for data in documents]
    return "".join(f'<script type="{media_type}">{text}</script>' for text in texts)


def page(*parts: str, head: str = "", title: str = "Shop") -> str:
    """A page with these parts in its body."""
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def card(number: int, url: bool = True) -> str:
    """A product card of a list, in microdata."""
    link = f'<a itemprop="url" href="/p/other-{number}">' if url else "<a>"
    return (
        f'<div itemscope itemtype="https://schema.org/Product">{link}'
        f'<span itemprop="name">Other {number}</span></a>'
        f'<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="priceCurrency" content="EUR">'
        f'<b itemprop="price">{number},00</b></div></div>'
    )
