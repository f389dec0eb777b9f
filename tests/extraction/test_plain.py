"""The short way of the common case gives what the reading by all rules gives, trace and all."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from benchmarks.pages import KINDS, URL
from tests.extraction.lamps import HERE, OFFER, SHOP, lamp, page
from tests.extraction.markup import block
from tests.extraction.other_pages import other_pages
from tests.extraction.test_corpus import FOLDER, RECORDS
from tests.extraction.test_fuzz_shops import EXAMPLES, PRODUCTS
from tests.extraction.test_odd_choices import WORDS
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.encodings import in_utf8
from topmail_flask.extraction.extract import PageInput
from topmail_flask.model.settings import Settings


def question(html: str | bytes, url: str, currency: str | None = "EUR") -> PageInput:
    document = Document(in_utf8(html), url)
    return PageInput(document, Settings(), currency, 1.7e9, frozenset(), None, None)


def is_plain(html: str | bytes, url: str, currency: str | None = "EUR") -> bool:
    """Whether the short way knows the page; then it says what the long way says."""
    short = question(html, url, currency).plain()
    if short is None:
        return False
    assert short == question(html, url, currency).by_all_rules()
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


def test_a_page_of_the_tests_is_read_as_by_all_rules() -> None:
    pages = [(html, SHOP + path) for html, path in WORDS.values()]
    pages += [(html, url) for _, url, html in other_pages()]
    for html, url in pages:
        is_plain(html, url)
    assert is_plain(KINDS["JSON-LD in the head"](20_000), URL)


def test_a_real_page_is_read_as_by_all_rules() -> None:
    for record in RECORDS:
        is_plain((FOLDER / record["file"]).read_bytes(), record["page_url"], None)


@settings(max_examples=EXAMPLES)
@given(PRODUCTS)
def test_any_node_is_read_as_by_all_rules(node: dict[str, Any]) -> None:
    is_plain(page(block({"url": SHOP + HERE, **node})), SHOP + HERE)
    is_plain(page(block({**node, "url": SHOP + HERE, "sku": "A", "@type": "Product"})), SHOP + HERE)
