"""Pages of a shop that sells lamps, for the tests of what is odd about real pages."""

from __future__ import annotations

from typing import Any

from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product

SHOP = "https://shop.example"
HERE = "/lamps/arc-lamp"
OFFER = {"@type": "Offer", "price": "49.90", "priceCurrency": "EUR"}


def lamp(**changes: Any) -> dict[str, Any]:
    node = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": "Arc Lamp",
        "sku": "AL-1",
        "offers": OFFER,
        **changes,
    }
    return {name: value for name, value in node.items() if value is not None}


def table(n: int, **changes: Any) -> dict[str, Any]:
    return lamp(name=f"Table {n}", sku=f"T-{n}", **changes)


def item(name: str, *inside: str, attributes: str = "") -> str:
    return (
        f'<div {attributes} itemscope itemtype="https://schema.org/Product">'
        f'<span itemprop="name">{name}</span><div itemprop="offers" itemscope '
        'itemtype="https://schema.org/Offer"><meta itemprop="price" content="49.90">'
        f'<meta itemprop="priceCurrency" content="EUR"></div>{"".join(inside)}</div>'
    )


def page(
    *parts: str,
    title: str = "Arc Lamp | Lichthaus",
    h1: str = "Arc Lamp",
    head: str = "",
    lang: str = "en",
    **og: str,
) -> str:
    metas = "".join(
        f'<meta property="{key.replace("__", ":")}" content="{value}">' for key, value in og.items()
    )
    heading = f"<h1>{h1}</h1>" if h1 else ""
    return (
        f"<!doctype html><html lang={lang}><head><title>{title}</title>{head}{metas}</head>"
        f"<body>{heading}{''.join(parts)}</body></html>"
    )


def found(html: str, path: str = HERE) -> Product | None:
    return extract(html, SHOP + path).product
