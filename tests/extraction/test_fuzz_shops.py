"""Product pages with odd values and shapes: read to an end, and nothing is a placeholder.

For a longer run: ``HYPOTHESIS_MAX_EXAMPLES=20000 pytest tests/extraction/test_fuzz_shops.py``.
"""

from __future__ import annotations

import html
import json
import os
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extraction.markup import block
from topmail_flask.extraction.extract import extract
from topmail_flask.extraction.schema_org import is_placeholder
from topmail_flask.model.product import Product

PAGE = "https://shop.example/p/mug"
EXAMPLES = int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES", "150"))
PLACEHOLDERS = (
    *("{{ sku }}", "${x}", "$sku", "undefined", "null", "None", "NaN", "[object Object]", "%x%"),
    *("{% x %}", "[[x]]", "-", "N/A", "", " ", "__x__", "#{x}", "<%= x %>"),
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(PLACEHOLDERS),
    st.sampled_from([None, True, False, 0, -1, 10**40, 1.5, 1e300, [], {}, [None], [[]], {"a": 1}]),
    st.sampled_from(["1.234", "1&nbsp;299,00 &euro;", "-5", "1e9", "0", "250.000", "9" * 300]),
    st.text(max_size=12),
)
SHAPED: st.SearchStrategy[Any] = st.one_of(
    ODD,
    ODD.map(lambda value: [value]),
    ODD.map(lambda value: {"@value": value}),
    ODD.map(lambda value: {"@id": value}),
    ODD.map(lambda value: {"name": value, "url": value}),
    st.lists(ODD, max_size=3),
)
OFFER_NAMES = (
    *("price", "priceCurrency", "lowPrice", "highPrice", "priceSpecification", "availability"),
    *("sku", "url", "validFrom", "priceValidUntil", "priceType", "valueAddedTaxIncluded"),
    *("referenceQuantity", "unitCode", "eligibleQuantity", "offerCount", "itemCondition", "offers"),
)
PRODUCT_NAMES = (
    *("@id", "@type", "name", "sku", "productID", "gtin13", "mpn", "brand", "category", "image"),
    *("url", "offers", "hasVariant", "isVariantOf", "inProductGroupWithID", "identifier"),
    *("isSimilarTo", "mainEntityOfPage", "aggregateRating", "priceCurrency"),
)
OFFER = {"price": "12.50", "priceCurrency": "EUR"}
OFFERS = st.dictionaries(st.sampled_from(OFFER_NAMES), SHAPED, max_size=4).map(
    lambda odd: OFFER | odd
)
SPECS = st.lists(st.dictionaries(st.sampled_from(OFFER_NAMES), SHAPED, max_size=4), max_size=3)
MUG: dict[str, Any] = {"@type": "Product", "name": "Blue Mug", "sku": "MUG-1", "offers": OFFER}
PRODUCTS = st.builds(
    lambda odd, offers, kind: MUG | {"offers": offers, "@type": kind} | odd,
    st.dictionaries(st.sampled_from(PRODUCT_NAMES), SHAPED, max_size=5),
    st.one_of(
        OFFERS, st.lists(OFFERS, max_size=3), SPECS.map(lambda specs: {"priceSpecification": specs})
    ),
    st.sampled_from(["Product", "ProductGroup", ["Product", "Book"], "schema:Product"]),
)


def check(markup: str) -> None:
    extraction = extract(markup, PAGE, currency="EUR", now=1.7e9)
    assert (extraction.product is None) == (extraction.reason is not None)
    for rejected in extraction.trace.rejected:
        assert not rejected.why.startswith("could not be read"), rejected
    if extraction.product is not None:
        check_values(extraction.product)


def check_values(product: Product) -> None:
    for text in (product.id, product.name, product.sku, product.variant_id, product.brand):
        assert text is None or (text.strip() and not is_placeholder(text)), product
    assert product.id.lower() not in ("-", "n/a", "undefined", "null", "none", "nan"), product
    if product.price is not None:
        assert isinstance(product.price, Decimal)
        assert product.price.is_finite()
        assert product.price >= 0
        assert product.currency is not None


@settings(max_examples=EXAMPLES)
@given(PRODUCTS)
def test_json_ld_with_odd_values(node: dict[str, Any]) -> None:
    check(f"<title>Blue Mug</title>{block(node)}<h1>Blue Mug</h1>")


@settings(max_examples=EXAMPLES)
@given(st.lists(PRODUCTS, max_size=3), PRODUCTS, st.sampled_from(["Article", "ItemList", "Recipe"]))
def test_products_beside_each_other(
    related: list[dict[str, Any]], node: dict[str, Any], other: str
) -> None:
    graph = [*related, {"@type": other, "name": "Blue Mug", "itemListElement": related}, node]
    check(f"<title>Blue Mug</title>{block({'@graph': graph})}<h1>Blue Mug</h1>")


@settings(max_examples=EXAMPLES)
@given(
    st.lists(
        st.tuples(st.sampled_from(PRODUCT_NAMES + OFFER_NAMES), st.text(max_size=15)), max_size=6
    ),
    st.lists(st.sampled_from(PLACEHOLDERS), max_size=4),
    st.sampled_from(["div", "del", "meta", "img", "a", "span hidden"]),
)
def test_microdata_with_odd_values(
    properties: list[tuple[str, str]], placeholders: list[str], tag: str
) -> None:
    inside = "".join(
        f'<{tag} itemprop="{name}" content="{html.escape(text)}">{html.escape(text)}'
        for name, text in [*properties, *(("sku", text) for text in placeholders)]
    )
    item = (
        f'<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Mug</b>{inside}'
    )
    check(f"<title>Mug</title><h1>Mug</h1>{item}</div>")
    check(f'<title>Mug</title>{item}<div itemprop="offers" itemscope>{inside}</div></div>')


@settings(max_examples=EXAMPLES)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("og:type", "og:title", "og:url", "og:image", "og:price:amount"),
                *("product:price:amount", "product:price:currency", "product:retailer_item_id"),
                *("product:brand", "product:sale_price:amount", "product:sale_price_dates:end"),
            ]
        ),
        st.one_of(st.sampled_from([*PLACEHOLDERS, "product", "website"]), st.text(max_size=15)),
    )
)
def test_metas_with_odd_values(values: dict[str, str]) -> None:
    named = {"og:type": "product", "og:title": "Blue Mug", "product:price:amount": "9", **values}
    metas = "".join(
        f'<meta property="{name}" content="{html.escape(text)}">' for name, text in named.items()
    )
    check(f"<html><head><title>Blue Mug</title>{metas}</head><body><h1>Blue Mug</h1></body></html>")


@settings(max_examples=EXAMPLES)
@given(
    st.dictionaries(st.sampled_from(["item_id", "item_name", "price", "currency", "id"]), SHAPED),
    st.text(alphabet="{}[](),:'\"\\ abc/*`$\n", max_size=30),
)
def test_events_with_odd_values(item: dict[str, Any], noise: str) -> None:
    items = [{"item_id": "M-1", "item_name": "Blue Mug", "price": 9, **item}]
    event = json.dumps({"currency": "EUR", "items": items}).replace("</", "<\\/")
    head = "<title>Blue Mug</title><h1>Blue Mug</h1>"
    check(f"{head}<script>gtag('event', 'view_item', {event});</script>")
    check(
        f"{head}<script>{noise}dataLayer.push({{event:'view_item',x:{noise},{event[1:]})</script>"
    )
    check(f"{head}<script>gtag('event', 'view_item', {{{noise}</script>")
