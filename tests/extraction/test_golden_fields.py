"""Section 7 of the extraction rules: prices, variants and the other fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings


def product_of(node: Any, url: str = PAGE, head: str = "", **options: Any) -> Product:
    extraction = extract(page(block(node), head=head), url, **options)
    assert extraction.product is not None, extraction
    return extraction.product


def price_of(offers: Any, **options: Any) -> str | None:
    product = product_of(mug(offers=offers), **options)
    return None if product.price is None else f"{product.price.normalize():f} {product.currency}"


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ({"@type": "AggregateOffer", "lowPrice": 10, "highPrice": 30}, "10 EUR"),
        (
            {
                "@type": "AggregateOffer",
                "lowPrice": 0,
                "highPrice": 30,
                "offers": [{"price": 12}, {"price": 30}],
            },
            "12 EUR",
        ),
        ({"@type": "AggregateOffer", "lowPrice": 0, "highPrice": 30}, "30 EUR"),
        (
            [{"price": 5, "availability": "OutOfStock"}, {"price": 9, "availability": "InStock"}],
            "9 EUR",
        ),
        (
            {"priceSpecification": [{"priceType": "ListPrice", "price": 20}, {"price": 15}]},
            "15 EUR",
        ),
        (
            {
                "priceSpecification": [
                    {"price": 2, "referenceQuantity": {"value": 100, "unitCode": "MLT"}},
                    {"price": 15},
                ]
            },
            "15 EUR",
        ),
        ({"priceSpecification": {"priceType": "ListPrice", "price": 20}}, "20 EUR"),
        ([{"price": 3, "priceValidUntil": "2020-01-01"}, {"price": 4}], "4 EUR"),
        ({"price": 3, "priceValidUntil": "2020-01-01"}, "3 EUR"),
        ([{"price": 3, "eligibleQuantity": {"minValue": 10}}, {"price": 4}], "4 EUR"),
        ([{"price": 3, "itemCondition": "UsedCondition"}, {"price": 4}], "4 EUR"),
        ({"offers": {"price": 7}}, "7 EUR"),
        ({"price": 0}, "0 EUR"),
        ({"price": [None, "", "8.00"]}, "8 EUR"),
        (None, None),
    ],
)
def test_the_price_is_what_the_shopper_pays(offers: Any, expected: str | None) -> None:
    assert price_of(offers, currency="EUR", now=1.8e9) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234", "1.23 EUR"),
        ("140.000", "140 EUR"),
        ("1.234 €", "1234 EUR"),
        ("1.234,50 €", "1234.5 EUR"),
        ("1,234.50", "1234.5 EUR"),
        (",89 €", "0.89 EUR"),
        ("٣٫٥٠", "3.5 EUR"),
        ("-5", None),
        ("1e3", None),
        ("NaN", None),
        (-5, None),
        (True, None),
        (1e999, None),
        (20_000_000, None),
        ("12.34567", "12.35 EUR"),
        ("Call for price", None),
    ],
)
def test_a_price_may_be_written_for_machines_or_for_people(text: Any, expected: str | None) -> None:
    assert price_of({"price": text, "priceCurrency": "EUR"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("₹1,23,456.00", "123456 INR"), ("CHF 1'299.–", "1299 CHF"), ("12,50 €", "12.5 EUR")],
)
def test_a_sign_names_the_currency(text: str, expected: str) -> None:
    assert price_of({"price": text}) == expected


def test_a_price_without_its_currency_is_not_told() -> None:
    extraction = extract(page(block(mug(offers={"price": 9}))), PAGE)
    assert extraction.product is not None
    assert (extraction.product.price, extraction.product.currency) == (None, None)
    assert any(rejection.what == "price" for rejection in extraction.trace.rejected)


def test_a_dollar_sign_is_read_by_the_currency_of_the_shop() -> None:
    for text, expected in (("$9", "9"), ("From $10 to $20", "10"), ("2 pairs from $349", "349")):
        assert price_of({"price": text}, currency="CAD") == f"{expected} CAD"
        assert price_of({"price": text}, currency="EUR") is None
        assert price_of({"price": text}) is None
    assert price_of({"price": "9", "priceCurrency": "BTC"}, currency="EUR") is None


GROUP = {
    "@type": "ProductGroup",
    "name": "Shirt",
    "productGroupID": "SHIRT",
    "brand": "Acme",
    "hasVariant": [
        {
            "@type": "Product",
            "sku": f"{colour}-{size}",
            "name": f"Shirt {colour} {size}",
            "url": f"/p/shirt?variant={colour}-{size}",
            "offers": {"price": price, "priceCurrency": "EUR", "availability": stock},
        }
        for colour, size, price, stock in (
            ("RED", "S", 21, "InStock"),
            ("RED", "M", 22, "InStock"),
            ("RED", "L", 23, "InStock"),
            ("BLUE", "S", 11, "OutOfStock"),
            ("BLUE", "M", 20, "InStock"),
            ("BLUE", "L", 25, "InStock"),
        )
    ],
}


@pytest.mark.parametrize("query", ["?variant=RED-M", "?sku=RED-M", "?v=red-m&utm_source=x"])
def test_the_chosen_variant_of_a_group_is_seen(query: str) -> None:
    product = product_of(GROUP, "https://shop.example/p/shirt" + query)
    assert (product.id, product.variant_id, product.sku) == ("SHIRT", "RED-M", "RED-M")
    assert (str(product.price), product.brand) == ("22.00", "Acme")


def test_a_variant_may_be_chosen_by_the_route() -> None:
    url = "https://shop.example/p/shirt/RED-M"
    assert product_of(GROUP, url, view_args={"sku": "RED-M"}).variant_id == "RED-M"


def test_without_a_choice_a_group_is_one_view_at_its_lowest_available_price() -> None:
    product = product_of(GROUP, "https://shop.example/p/shirt")
    assert (product.id, product.variant_id, product.sku) == ("SHIRT", None, None)
    assert (product.name, str(product.price)) == ("Shirt", "20.00")


def test_a_catalogue_by_sku_gets_the_sku_of_the_variant() -> None:
    settings = Settings(variant_mode="sku")
    product = product_of(GROUP, "https://shop.example/p/shirt?v=RED-M", settings=settings)
    assert (product.id, product.variant_id) == ("RED-M", None)


@pytest.mark.parametrize(
    "brand",
    [
        "Acme",
        {"@type": "Brand", "name": "Acme"},
        [{"@type": "Brand", "name": "Acme"}, "Other"],
        {"@id": "#b"},
        {"@type": "Brand", "name": {"@value": "Acme", "@language": "en"}},
    ],
)
def test_a_brand_is_told_in_many_shapes(brand: object) -> None:
    node = {"@graph": [mug(brand=brand), {"@id": "#b", "@type": "Brand", "name": "Acme"}]}
    assert product_of(node).brand == "Acme"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sku": 123}, "123"),
        ({"sku": 123.0}, "123"),
        ({"sku": ["a", "b"]}, "a"),
        ({"productID": "isbn:978-3-16"}, "978-3-16"),
        ({"sku": None, "gtin13": "0978-0201-379624"}, "09780201379624"),
        ({"sku": None, "gtin13": "0000000000000"}, "mug"),
        ({"sku": None, "mpn": "M-1", "brand": "Acme"}, "M-1"),
        ({"sku": None, "mpn": "M-1"}, "mug"),
        ({"sku": "N/A", "url": "/p/mug/"}, "mug"),
        ({"sku": None, "identifier": {"propertyID": "sku", "value": "I-1"}}, "I-1"),
        ({"inProductGroupWithID": "G-1"}, "G-1"),
    ],
)
def test_the_id_is_the_first_that_the_markup_tells(changes: Any, expected: str) -> None:
    assert product_of(mug(**changes)).id == expected


def test_relative_addresses_become_absolute() -> None:
    node = mug(image=["data:image/png;base64,x", "", "img/mug.jpg"], url="mug")
    product = product_of(node, PAGE + "?utm_source=a#top")
    assert product.image_url == "https://shop.example/p/img/mug.jpg"
    assert product.url == PAGE
    head = '<base href="https://cdn.example/shop/">'
    assert product_of(node, head=head).image_url == "https://cdn.example/shop/img/mug.jpg"
    assert (
        product_of(mug(image="//cdn.example/a b.jpg")).image_url == "https://cdn.example/a%20b.jpg"
    )
