"""The short way of the common case gives what the reading by all rules gives, trace and all."""

from __future__ import annotations

from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from benchmarks.pages import KINDS, URL
from tests.extraction.lamps import HERE, OFFER, SHOP, lamp, page
from tests.extraction.markup import block
from tests.extraction.other_pages import other_pages
from tests.extraction.test_corpus import RECORDS
from tests.extraction.test_fuzz_shops import EXAMPLES, PRODUCTS
from tests.extraction.test_odd_choices import WORDS
from tests.golden.structured import PAGES as RECORDED_PAGES
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.encodings import in_utf8
from topmail_flask.extraction.extract import SOURCES, PageInput
from topmail_flask.model.decision import GuessedProduct, ShopPrice
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

# What the shop names beside the page: nothing, the page's product by its id, name, sku or address,
# with gaps and without, and another one.
NAMED = (
    Product("AL-1", "Floor lamp"),
    Product("7", "Arc Lamp", url=f"{SHOP}/p/7", price=Decimal(5), currency="USD", brand="Own"),
    Product("7", "Other", sku="AL-1", category="Own", variant_id="9"),
    Product("7", "Other", url=SHOP + HERE, image_url=f"{SHOP}/own.jpg"),
    Product("7", "Other", sku="8"),
)
GUESSES = [
    GuessedProduct(NAMED[0]),
    GuessedProduct(NAMED[1], (ShopPrice(Decimal(5), "USD", "price"),), ("2.jpg",)),
    GuessedProduct(NAMED[3]),
]
BESIDE: list[tuple[Product | None, GuessedProduct | None]] = [
    (None, None),
    *((product, None) for product in NAMED),
    *((None, guess) for guess in GUESSES),
    (NAMED[2], GuessedProduct(NAMED[1])),
]
_in_turn = cycle(BESIDE)


def question(
    html: str | bytes,
    url: str,
    currency: str | None = "EUR",
    declared: Product | None = None,
    guess: GuessedProduct | None = None,
) -> PageInput:
    document = Document(in_utf8(html), url)
    return PageInput(document, Settings(), currency, 1.7e9, frozenset(), declared, guess)


def is_plain(html: str | bytes, url: str, currency: str | None = "EUR") -> bool:
    """Whether the short way knows the page; then it says what the long way says.

    That with nothing named beside it, and with one of what a shop may name, in turn.
    """
    short = question(html, url, currency).plain()
    if short is None:
        return False
    assert short == question(html, url, currency).by_all_rules()
    beside = next(_in_turn)
    short = question(html, url, currency, *beside).plain()
    if short is not None:
        assert short == question(html, url, currency, *beside).by_all_rules()
    return True


HEADS = (
    "",
    f'<link rel="canonical" href="{SHOP}{HERE}">',
    '<link rel="canonical" href="/lamps">',
    '<link rel="canonical" href="/p/1">',
    '<base href="https://shop.example/de/">',
    '<meta property="og:image" content="/i/2.jpg"><meta property="og:title" content="Arc Lamp">',
    '<link rel="alternate" hreflang="de" href="/de/lampe">',
)
NODES: tuple[dict[str, Any], ...] = (
    {},
    {"brand": "L", "image": "/i/1.jpg", "category": "Lamps"},
    {"brand": {"@type": "Brand", "name": "L"}, "image": ["/i/1.jpg", "/i/2.jpg"]},
    {"name": "Arc &amp; Lamp", "sku": "AL&#45;1", "description": "x"},
    {"offers": {**OFFER, "price": "250.000", "priceCurrency": "VND"}},
    {"offers": {**OFFER, "price": 0}},
    {"offers": {**OFFER, "price": "49,90"}},
    {"offers": {**OFFER, "priceValidUntil": "2020-01-01", "availability": "Discontinued"}},
    {"offers": {**OFFER, "priceCurrency": "EURO"}},
    {"offers": {**OFFER, "priceCurrency": "BTC"}},
    {"gtin13": "4006381333931", "mpn": "X"},
    {"productID": "4711"},
    {"productID": "gtin13:4006381333931"},
    {"productID": "mpn:N/A"},
    {"sku": "N/A"},
    {"sku": "x" * 150},
    {"name": "n" * 300, "brand": "b" * 300, "category": "c > " * 60},
)
ADDRESSES: tuple[dict[str, Any], ...] = (
    {"url": SHOP + HERE},
    {"url": f"{SHOP}{HERE}?utm_source=x#top"},
    {"url": HERE},
    {"url": "/de/lampe"},
    {"url": f"{SHOP}/other"},
    {"url": "https://elsewhere.example/"},
    {},
)


def test_a_plain_page_is_read_as_by_all_rules() -> None:
    known = [
        is_plain(page(block(lamp(**node, **address)), head=head), f"{SHOP}{path}")
        for node in NODES
        for address in ADDRESSES
        for head in HEADS
        for path in (HERE, f"{HERE}?variant=2", f"{HERE}/details", "/")
    ]
    assert sum(known) > 250


def test_a_plain_page_of_a_named_product_is_read_the_short_way() -> None:
    html = page(block(lamp(url=SHOP + HERE, sku="AL-1")))
    short = [question(html, SHOP + HERE, "EUR", *beside).plain() for beside in BESIDE]
    assert [found is not None for found in short] == [
        beside != (NAMED[4], None) for beside in BESIDE
    ]


def pages_of_the_tests() -> list[tuple[str, str]]:
    pages = [(html, SHOP + path) for html, path in WORDS.values()]
    pages += [(html, url) for _, url, html in other_pages()]
    return pages + [(html, f"{SHOP}/p/mug") for html in RECORDED_PAGES.values()]


def test_a_page_of_the_tests_is_read_as_by_all_rules() -> None:
    for html, url in pages_of_the_tests():
        is_plain(html, url)
    assert is_plain(KINDS["JSON-LD in the head"](20_000), URL)


def test_a_source_mentions_nothing_on_a_page_without_its_markers(corpus: Path) -> None:
    mentioned = set()
    pages = [(corpus / record["file"]).read_bytes() for record in RECORDS]
    pages.append(b'<div vocab="https://schema.org/" typeof="Product">')
    for html in (*pages, *(in_utf8(html) for html, _ in pages_of_the_tests())):
        for source in SOURCES:
            if source.markers and source.mentions(Document(html, URL)):
                assert any(marker in html for marker in source.markers), source.name
                mentioned.add(source.name)
    assert mentioned == {source.name for source in SOURCES if source.markers}


def test_a_real_page_is_read_as_by_all_rules(corpus: Path) -> None:
    for record in RECORDS:
        is_plain((corpus / record["file"]).read_bytes(), record["page_url"], None)


@settings(max_examples=EXAMPLES)
@given(PRODUCTS)
def test_any_node_is_read_as_by_all_rules(node: dict[str, Any]) -> None:
    is_plain(page(block({"url": SHOP + HERE, **node})), SHOP + HERE)
    is_plain(page(block({**node, "url": SHOP + HERE, "sku": "A", "@type": "Product"})), SHOP + HERE)
