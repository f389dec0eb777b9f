"""Markup that spells the names of schema.org otherwise, as builders of shops do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.extraction.schema_org import with_usual_keys
from topmail_flask.model.product import Product


def product_of(*parts: str, **options: Any) -> Product:
    extraction = extract(page(*parts), PAGE, **options)
    assert extraction.product is not None, extraction
    return extraction.product


@pytest.mark.parametrize(
    "node",
    [
        {
            "@type": "Product",
            "name": "Mug",
            "Offers": {"@type": "Offer", "Price": "9", "PriceCurrency": "EUR"},
        },
        {"@type": "Product", "name": "Mug", "offers": {"price": "9", "pricecurrency": "EUR"}},
        {"@type": "Product", "name": "Mug", "offers": {"price": "9", "priceCURRENCY": "EUR"}},
        {
            "@type": "Product",
            "name": "Mug",
            "offers": {"1": {"price": "9", "priceCurrency": "EUR"}},
        },
        {
            "@type": "schema:Product",
            "schema:name": "Mug",
            "schema:offers": {"schema:price": "9", "schema:priceCurrency": "EUR"},
        },
        [
            {
                "@type": ["http://schema.org/Product"],
                "http://schema.org/name": [{"@value": "Mug"}],
                "http://schema.org/offers": [
                    {
                        "https://schema.org/price": [{"@value": 9}],
                        "https://schema.org/priceCurrency": [{"@value": "EUR"}],
                    }
                ],
            }
        ],
    ],
    ids=["capitals", "lower case", "mixed case", "numbered list", "prefixed", "expanded"],
)
def test_a_property_is_known_however_it_is_spelled(node: Any) -> None:
    product = product_of(block(node))
    assert (product.name, str(product.price), product.currency) == ("Mug", "9.00", "EUR")


def test_the_right_spelling_outranks_the_wrong_one() -> None:
    assert product_of(block(mug(Name="Wrong", SKU="WRONG"))).sku == "MUG-1"


def test_a_document_of_any_depth_is_read_in_bounded_depth() -> None:
    deep: Any = json.loads('{"Name":' * 500 + "1" + "}" * 500)
    assert "name" in with_usual_keys(deep)


@pytest.mark.parametrize(
    "offer",
    [
        {"price": {"@type": "MonetaryAmount", "value": "12.50", "currency": "EUR"}},
        {"price": "12.50", "currency": "EUR"},
        [
            {"@type": "OfferForLease", "price": 1, "priceCurrency": "EUR"},
            {"price": "12.5", "priceCurrency": "EUR"},
        ],
        [
            {"price": 1, "priceCurrency": "EUR", "businessFunction": "gr:LeaseOut"},
            {
                "price": "12.5",
                "priceCurrency": "EUR",
                "businessFunction": "http://purl.org/gr#Sell",
            },
        ],
    ],
    ids=["MonetaryAmount", "currency", "lease", "business function"],
)
def test_the_price_is_that_of_buying_the_product(offer: Any) -> None:
    product = product_of(block(mug(offers=offer)))
    assert (str(product.price), product.currency) == ("12.50", "EUR")


def test_a_gtin_may_be_a_digital_link_of_gs1() -> None:
    node = mug(sku=None, gtin="https://id.gs1.org/01/04006381333931/21/12?x=1")
    assert product_of(block(node)).id == "04006381333931"


@pytest.mark.parametrize("reference", ["&quot;", "&#34;", "&#034;", "&#x22;"])
def test_a_block_with_escaped_quotes_is_read(reference: str) -> None:
    assert product_of(block(json.dumps(mug()).replace('"', reference))).id == "MUG-1"


def test_unseen_characters_between_the_tokens_are_forgiven() -> None:
    text = json.dumps(mug(description="a\u200bb")).replace(", ", ",\u200b\u00a0\ufeff")
    assert product_of(block(text)).id == "MUG-1"


def test_a_block_is_found_behind_a_script_that_writes_one() -> None:
    writes = "<script>var t = '<script type=\"application/ld+json\">' + x;</script>"
    assert product_of(writes, block(mug())).id == "MUG-1"
