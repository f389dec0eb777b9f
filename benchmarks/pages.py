"""The pages that extraction is measured on: of a given size, with the product told in one way."""

from __future__ import annotations

import json
from collections.abc import Callable

URL = "https://store.example/p/walking-shoe-7"
CARD = (
    '<li class="card card--{at}" data-id="{at}"><a href="/p/shoe-{at}"><img loading="lazy" '
    'src="/static/img/shoe-{at}.jpg" width="240" height="240" alt="Shoe {at}">'
    '<h3 class="card__name">Shoe {at} in brown leather</h3><p class="card__price">'
    "<span>49,90</span> EUR</p></a></li>\n"
)
TOLD = {
    "@context": "https://schema.org/",
    "@type": "Product",
    "name": "Walking shoe 7",
    "sku": "WS-7",
    "image": ["https://store.example/static/img/shoe-7.jpg"],
    "description": "A shoe for long walks on soft and on hard ground. " * 12,
    "brand": {"@type": "Brand", "name": "Fields"},
    "offers": {
        "@type": "Offer",
        "url": URL,
        "price": "49.90",
        "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
    },
}
JSON_LD = f'<script type="application/ld+json">{json.dumps(TOLD)}</script>'
BREADCRUMBS = (
    '<script type="application/ld+json">{"@context":"https://schema.org","@type":"BreadcrumbList",'
    '"itemListElement":[{"@type":"ListItem","position":1,"name":"Shoes"}]}</script>'
)
OPEN_GRAPH = (
    '<meta property="og:type" content="product"><meta property="og:title" content="Walking shoe 7">'
    f'<meta property="og:url" content="{URL}"><meta property="product:retailer_item_id" '
    'content="WS-7"><meta property="product:price:amount" content="49.90">'
    '<meta property="product:price:currency" content="EUR">'
)
MICRODATA = (
    '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Walking shoe 7</h1>'
    '<meta itemprop="sku" content="WS-7"><img itemprop="image" src="/static/img/shoe-7.jpg">'
    '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer"><meta itemprop="price" '
    'content="49.90"><meta itemprop="priceCurrency" content="EUR"></div></div>'
)
ORGANIZATION = (
    '<footer itemscope itemtype="https://schema.org/Organization"><a itemprop="url" href="/">'
    '<span itemprop="name">Store</span></a></footer>'
)


def page(size: int, *, head: str = "", body: str = "", end: str = "") -> bytes:
    """A store's page of about ``size`` bytes."""
    start = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Walking shoe 7 | Store'
        f'</title><link rel="canonical" href="{URL}">{head}</head><body><main>{body}<ul>'
    )
    cards, length, at = [], len(start) + len(end) + 40, 0
    while length < size:
        at += 1
        cards.append(CARD.format(at=at))
        length += len(cards[-1])
    return f"{start}{''.join(cards)}</ul></main>{end}</body></html>".encode()


def hostile(size: int) -> bytes:
    """Openings without an end: they drive backtracking expressions into quadratic time."""
    one = b'<script type="application/ld+json" <script type="'
    return b"<html><head>" + one * (size // len(one))


def deep(size: int) -> bytes:
    """One block of JSON-LD that nests without end."""
    block = b'{"@type":"Product","offers":' * (size // 28)
    return b'<html><head><script type="application/ld+json">' + block + b"</script></head></html>"


KINDS: dict[str, Callable[[int], bytes]] = {
    "JSON-LD in the head": lambda size: page(size, head=JSON_LD),
    "JSON-LD at the end": lambda size: page(size, end=JSON_LD),
    "microdata only": lambda size: page(size, body=MICRODATA),
    "microdata to the end": lambda size: page(size, body=MICRODATA, end=ORGANIZATION),
    "OpenGraph only": lambda size: page(size, head=OPEN_GRAPH),
    "no product": page,
    "no product, other JSON-LD": lambda size: page(size, head=BREADCRUMBS),
    "hostile: unclosed scripts": hostile,
    "hostile: JSON without end": deep,
}
