"""Products that only the page's structured data shows."""

from __future__ import annotations

import gzip
import json
from typing import Any

from flask import Response, render_template_string

from tests.golden.cases import case
from tests.golden.store import Store
from tests.golden.templates import TEA

MUG: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Blue Mug",
    "sku": "MUG-1",
    "offers": {"@type": "Offer", "price": "12.50", "priceCurrency": "EUR"},
}


def mug(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**MUG, **changes}.items() if value is not None}


def block(*documents: Any) -> str:
    texts = [text if isinstance(text, str) else json.dumps(text) for text in documents]
    return "".join(f'<script type="application/ld+json">{text}</script>' for text in texts)


def page(*parts: str, head: str = "") -> str:
    body = "".join(parts)
    return f"<!doctype html><html><head><title>Blue Mug | Shop</title>{head}</head>{body}</html>"


def meta(**tags: str) -> str:
    named = {name.replace("__", ":"): text for name, text in tags.items()}
    return "".join(f'<meta property="{name}" content="{text}">' for name, text in named.items())


def other(number: int) -> dict[str, Any]:
    return mug(name=f"Other {number}", sku=f"O-{number}", url=f"/p/other-{number}")


ITEM = (
    '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Blue Mug</h1>'
    '<span itemprop="sku">MUG-1</span><img itemprop="image" src="/mug.png"><div itemprop="offers" '
    'itemscope itemtype="https://schema.org/Offer"><meta itemprop="priceCurrency" content="EUR">'
    '<span itemprop="price">12,50</span></div></div>'
)
GROUP = {
    "@context": "https://schema.org",
    "@type": "ProductGroup",
    "productGroupID": "G1",
    "name": "Mug",
    "brand": {"@type": "Brand", "name": "Kiln"},
    "hasVariant": [
        mug(sku="RED", name="Red Mug", url="/p/mug?variant=RED"),
        mug(sku="BLUE", url="/p/mug?variant=BLUE", offers={"price": 9, "priceCurrency": "EUR"}),
    ],
}
CRUMBS = {
    "@type": "BreadcrumbList",
    "itemListElement": [
        {"@type": "ListItem", "position": 1, "name": "Home", "item": "/"},
        {"@type": "ListItem", "position": 2, "name": "Kitchen", "item": "/k"},
        {"@type": "ListItem", "position": 3, "name": "Mugs", "item": "/k/m"},
    ],
}
OPEN_GRAPH = meta(
    og__type="product",
    og__title="Blue Mug",
    og__image="https://shop.example/mug.png",
    product__retailer_item_id="MUG-1",
    product__price__amount="12.50",
    product__price__currency="EUR",
)
PAGES: dict[str, str] = {
    "JSON-LD": page(block(MUG)),
    "JSON-LD of every field": page(
        block(
            mug(
                image=["/mug.png"],
                brand={"@type": "Brand", "name": "Kiln"},
                category="Kitchen > Mugs",
                url="/p/mug",
            )
        )
    ),
    "JSON-LD in a graph with breadcrumbs": page(block({"@graph": [CRUMBS, MUG]})),
    "JSON-LD with a comma too much": page(block(json.dumps(MUG)[:-1] + ",}")),
    "JSON-LD that is broken beside some that is not": page(block("{'name': ", MUG)),
    "JSON-LD twice": page(block(MUG, MUG)),
    "JSON-LD of two plugins": page(block(MUG, mug(offers={"price": 7, "priceCurrency": "EUR"}))),
    "JSON-LD without an offer": page(block(mug(offers=None))),
    "JSON-LD without a currency": page(block(mug(offers={"price": "9.00"}))),
    "JSON-LD without an id": page(block(mug(sku=None))),
    "JSON-LD without a name": page(block(mug(name=None))),
    "JSON-LD of two offers": page(
        block(
            mug(
                offers=[
                    {"price": 5, "priceCurrency": "EUR", "availability": "OutOfStock"},
                    {"price": 9, "priceCurrency": "EUR", "availability": "InStock"},
                ]
            )
        )
    ),
    "JSON-LD of a range of prices": page(
        block(
            mug(
                offers={
                    "@type": "AggregateOffer",
                    "lowPrice": 10,
                    "highPrice": 30,
                    "priceCurrency": "EUR",
                }
            )
        )
    ),
    "JSON-LD of values that are no texts": page(
        block(mug(sku=True, brand=[None], offers=[None], image={"url": 7}))
    ),
    "JSON-LD of a group": page(block(GROUP)),
    "a listing": page(block(*map(other, range(5)))),
    "a list of items": page(block({"@type": "ItemList", "itemListElement": [other(1), other(2)]})),
    "a product among others": page(block(mug(url="/p/mug"), *map(other, range(3)))),
    "a product with related ones": page(block(mug(isRelatedTo=[other(1), other(2)]))),
    "two products without addresses": page(block(MUG, mug(name="Pot", sku="POT"))),
    "an article": page(block({"@type": "Article", "headline": "How to brew"})),
    "microdata": page(ITEM),
    "microdata twice": page(ITEM, ITEM.replace("MUG-1", "MUG-2").replace("Blue", "Red")),
    "microdata and JSON-LD": page(ITEM, block(mug(brand="Kiln"))),
    "OpenGraph": page(head=OPEN_GRAPH),
    "OpenGraph on every page of a theme": page(head=meta(og__type="product", og__title="Shop")),
    "OpenGraph, JSON-LD and microdata": page(ITEM, block(MUG), head=OPEN_GRAPH),
    "a canonical address": page(block(MUG), head='<link rel=canonical href="/p/the-mug">'),
    "a canonical address of another site": page(
        block(MUG), head='<link rel=canonical href="https://evil.example/p">'
    ),
    "JSON-LD in a comment": page(f"<!-- {block(MUG)} -->"),
    "no product": page("<h1>About us</h1>"),
    "nothing at all": "",
    "a page that ends in the middle": page(block(MUG))[:-20],
    "escaped twice": page(block(mug(name="Salt &amp;amp; pepper"))),
}

for page_name, text in PAGES.items():

    @case("structured", page_name)
    def visit_page(store: Store, text: str = text) -> None:
        store.open()
        store.page("/p/mug", text)
        store.get("/p/mug")


def asked(name: str, text: str, path: str = "/p/mug", **how: Any) -> None:
    @case("structured", name)
    def visit(store: Store) -> None:
        store.open(**how)
        store.page("/", text)
        store.page("/<path:rest>", text)
        store.get(path)


asked("a promoted product on the front page", page(block(MUG)), "/")
asked("a chosen variant of a group", page(block(GROUP)), "/p/mug?variant=RED")
asked(
    "a chosen variant as the product", page(block(GROUP)), "/p/mug?variant=RED", variant_mode="sku"
)
asked("a currency of the store", page(block(mug(offers={"price": "9.00"}))), currency="CAD")
asked("a page that is too large", page(block(MUG)), max_page_bytes=10)
asked(
    "an id of the store's choice",
    page(block(mug(gtin="04006381333931"))),
    id_from=["gtin", "sku"],
)
asked(
    "a single product in a category",
    page(block({"@type": "ItemList", "itemListElement": [other(1)]})),
    "/c/mugs",
)


def encoded(name: str, body: bytes, **headers: str) -> None:
    @case("structured", name)
    def visit(store: Store) -> None:
        store.open()
        told = {"Content-Type": "text/html; charset=utf-8"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        store.page("/p/mug", lambda: Response(body, headers=told))
        store.get("/p/mug")


ACCENTS = page(block(json.dumps(mug(name="Café crème"), ensure_ascii=False)))
encoded("UTF-8", ACCENTS.encode())
encoded("UTF-8 with a mark", b"\xef\xbb\xbf" + ACCENTS.encode())
encoded("Latin-1", ACCENTS.encode("latin-1"), Content_Type="text/html; charset=latin-1")
encoded("an unknown charset", ACCENTS.encode(), Content_Type="text/html; charset=klingon")
encoded("bytes that are no UTF-8", b"\xff\xfe" + ACCENTS.encode("latin-1"))
encoded("XHTML", ACCENTS.encode(), Content_Type="application/xhtml+xml")
encoded("gzip", gzip.compress(ACCENTS.encode()), Content_Encoding="gzip")
encoded("a coding that it is not", b"\x01\x02", Content_Encoding="br")
encoded("a coding that nobody knows", b"\x01\x02", Content_Encoding="compress")


def beside_a_variable(name: str, *parts: str) -> None:
    @case("structured", name)
    def visit(store: Store) -> None:
        store.open()
        text = "<h1>{{ product.name }}</h1>" + "".join(parts)
        store.page("/tea", lambda: render_template_string(text, product=TEA))
        store.get()


OF_THE_TEA = mug(name="Green tea", sku="tea-1", brand="Leaf", image="/tea.png")
beside_a_variable("a variable and the same product", block(OF_THE_TEA))
beside_a_variable("a variable and another product", block(MUG))
beside_a_variable("a variable and a listing", block(*map(other, range(3))))
