"""Whatever stands in a page, reading it ends with a product or a reason."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.extraction.markup import PAGE, block, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product

NAMES = st.sampled_from(
    [
        "@id",
        "@type",
        "@graph",
        "@value",
        "@language",
        "name",
        "sku",
        "productID",
        "gtin13",
        "mpn",
        "identifier",
        "propertyID",
        "value",
        "offers",
        "price",
        "priceCurrency",
        "lowPrice",
        "highPrice",
        "priceSpecification",
        "priceType",
        "availability",
        "itemCondition",
        "priceValidUntil",
        "validFrom",
        "eligibleQuantity",
        "minValue",
        "image",
        "url",
        "brand",
        "category",
        "hasVariant",
        "isVariantOf",
        "inProductGroupWithID",
        "productGroupID",
        "itemListElement",
        "item",
        "position",
        "mainEntity",
        "about",
        "breadcrumb",
        "isRelatedTo",
        "itemOffered",
        "mainEntityOfPage",
    ]
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "Product",
            "ProductGroup",
            "Offer",
            "AggregateOffer",
            "ItemList",
            "BreadcrumbList",
            "WebPage",
            "Article",
            "Thing",
            "#a",
            "#b",
            "/p/mug",
            "https://shop.example/p/mug",
            "//x",
            "http://[",
            "12.50",
            "1.234,50",
            "NaN",
            "1e999",
            "EUR",
            "$",
            "2020-01-01",
            "0000-00-00",
            "InStock",
        ]
    ),
    st.text(max_size=20),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=25,
)


def is_whole(html: bytes | str, **options: Any) -> None:
    extraction = extract(html, PAGE, currency="EUR", **options)
    assert (extraction.product is None) == (extraction.reason is not None)
    assert not [
        rejection
        for rejection in extraction.trace.rejected
        if rejection.why.startswith("could not be read:")
    ]
    hash(repr(extraction.trace))
    if extraction.product is not None:
        assert extraction.product.url is not None
        assert extraction.product.url.startswith("https://shop.example/")


@given(VALUES)
def test_any_value_may_stand_where_a_block_is_expected(value: Any) -> None:
    is_whole(page(block(value)))


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.sampled_from(["Product", "ProductGroup"]))
def test_any_value_may_stand_in_any_property_of_a_product(node: dict[str, Any], named: str) -> None:
    is_whole(page(block({**node, "@type": named, "name": "Mug"})))
    is_whole(page(block({**node, "@type": named, "name": "Mug"})), declared=Product("1", "Mug"))


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_value_may_stand_in_an_offer(offer: dict[str, Any]) -> None:
    is_whole(page(block({"@type": "Product", "name": "Mug", "sku": "1", "offers": offer})))


@given(st.text(), st.integers(0, 60), st.text(max_size=3))
def test_any_characters_may_stand_in_a_block(text: str, at: int, other: str) -> None:
    whole = json.dumps({"@type": "Product", "name": text, "sku": "1"}, ensure_ascii=False)
    is_whole(page(block(whole[:at] + other + whole[at:])))
    is_whole(page(block(text)))


PIECES = st.sampled_from(
    [
        '<div itemscope itemtype="https://schema.org/Product" itemref="a">',
        '<b itemprop="name">Mug</b>',
        '<b itemprop="offers" itemscope itemtype="http://schema.org/Offer">',
        '<meta itemprop="price" content="9">',
        '<i itemprop="price priceCurrency">9 EUR',
        '<img itemprop="image" srcset=", ,">',
        '<a itemprop="url image" id="a" itemscope>',
        '<meta property="og:type" content="product">',
        '<meta property="og:title" content="Mug">',
        '<meta property="og:url" content="">',
        '<meta name="product:price:amount" content="9,5">',
        '<link rel="canonical" href="/p/mug">',
        '<base href="//[">',
        '<script type="application/ld+json">',
        '{"@type":"Product","name":"Mug"}',
        "</script>",
        "</div>",
        "<!--",
        "-->",
        "<template>",
        "<noscript>",
        "<title>Mug",
        "<h1>Mug</h1>",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=20))
def test_any_pieces_may_follow_each_other(pieces: list[str]) -> None:
    is_whole("".join(pieces))


@given(st.binary(), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "x"]))
def test_any_bytes_may_be_a_page(body: bytes, charset: str | None) -> None:
    is_whole(body, charset=charset)
    is_whole(
        body + page(block({"@type": "Product", "name": "Mug"})).encode() + body, charset=charset
    )
