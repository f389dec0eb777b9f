"""Prices as shops really write them into their markup, each page named by what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extraction.markup import block, mug, page
from topmail_flask.extraction.extract import extract

PAGE = "https://shop.example/p/mug"
NOW = 1_764_300_000.0
SALE = "https://schema.org/SalePrice"


def price_of(html: str, currency: str | None = None) -> str | None:
    product = extract(html, PAGE, now=NOW, currency=currency).product
    assert product is not None
    return None if product.price is None else f"{product.price} {product.currency}"


def offered(offers: Any, currency: str | None = None, **more: Any) -> str | None:
    return price_of(page(block(mug(offers=offers, **more))), currency)


def item(*inside: str) -> str:
    return page(
        '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Blue Mug</h1>'
        '<meta itemprop="sku" content="MUG-1"><div itemprop="offers" itemscope '
        f'itemtype="https://schema.org/Offer">{"".join(inside)}</div></div>'
    )


def eur(**offer: Any) -> dict[str, Any]:
    return {"priceCurrency": "EUR", **offer}


@pytest.mark.parametrize(
    ("price", "currency", "expected"),
    [
        ("1&nbsp;049,00", "EUR", "1049.00 EUR"),
        ("1&amp;nbsp;049,00&nbsp;&amp;euro;", "EUR", "1049.00 EUR"),
        ("&pound;12.50", "GBP", "12.50 GBP"),
        ("&#8377;1,499", "INR", "1499.00 INR"),
        ("1&#160;299,00 z&#322;", "PLN", "1299.00 PLN"),
        ("&euro;&nbsp;12,50", None, "12.50 EUR"),
        ("1&#x202F;234,50&#xa0;&#x20ac;", None, "1234.50 EUR"),
        ("1.499,00 K&#269;", "CZK", "1499.00 CZK"),
    ],
)
def test_character_references_in_a_price_are_read(
    price: str, currency: str | None, expected: str
) -> None:
    assert offered({"price": price, "priceCurrency": currency}) == expected


@pytest.mark.parametrize(
    ("price", "currency", "expected"),
    [
        ("250.000", "VND", "250000 VND"),
        ("1.250.000", "VND", "1250000 VND"),
        ("12.800", "JPY", "12800 JPY"),
        ("14.990", "CLP", "14990 CLP"),
        ("150.000", "IDR", "150000.00 IDR"),
        ("15.900", "KRW", "15900 KRW"),
        ("150.000", "PYG", "150000 PYG"),
        ("4.990", "ISK", "4990 ISK"),
        ("4.990", "HUF", "4990.00 HUF"),
        ("89.900", "COP", "89900.00 COP"),
        ("5.000", "XOF", "5000 XOF"),
        ("12800.000", "JPY", "12800 JPY"),
        ("12800.00", "JPY", "12800 JPY"),
        ("0.990", "JPY", "1 JPY"),
        ("1.234", "EUR", "1.23 EUR"),
        ("1.234", "KWD", "1.234 KWD"),
        ("12.345", "USD", "12.35 USD"),
    ],
)
def test_a_dot_before_three_digits_groups_where_prices_run_in_thousands(
    price: str, currency: str, expected: str
) -> None:
    assert offered({"price": price, "priceCurrency": currency}) == expected


def test_a_number_of_json_is_read_as_it_stands_there() -> None:
    raw = '{"@type":"Product","name":"Mug","sku":"M","offers":{"price":%s,"priceCurrency":"%s"}}'
    assert price_of(page(block(raw % ("250.000", "VND")))) == "250000 VND"
    assert price_of(page(block(raw % ("250.0", "VND")))) == "250 VND"
    assert price_of(page(block(raw % ("21.639175", "USD")))) == "21.64 USD"
    assert price_of(page(block(raw % ("1.5e2", "USD")))) == "150.00 USD"
    assert price_of(page(block(raw % ("1e999999999999999999999", "USD")))) is None


def test_dotted_thousands_are_read_in_metas_and_microdata_too() -> None:
    metas = (
        '<meta property="og:type" content="product"><meta property="og:title" content="Mug">'
        '<meta property="og:price:amount" content="299.000">'
        '<meta property="og:price:currency" content="VND">'
    )
    assert price_of(page(head=metas)) == "299000 VND"
    dong = '<meta itemprop="priceCurrency" content="VND"><meta itemprop="price" content="99.000">'
    assert price_of(item(dong)) == "99000 VND"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("185.130001", "185.13 EUR"),
        (12.345678, "12.35 EUR"),
        ("49.999999", "50.00 EUR"),
        (0.000001, "0.00 EUR"),
        ("1234.56789", "1234.57 EUR"),
    ],
)
def test_more_decimals_than_the_currency_has_are_rounded(price: object, expected: str) -> None:
    assert offered(eur(price=price)) == expected


SPECS: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "the sale price behind the regular one without a type": (
        [eur(price="49.90"), eur(price="39.90", priceType=SALE)],
        "39.90 EUR",
    ),
    "the sale price before the regular one": (
        [eur(price="39.90", priceType=SALE), eur(price="49.90", priceType="ListPrice")],
        "39.90 EUR",
    ),
    "tax as schema.org names true and false": (
        [
            eur(price="41.93", valueAddedTaxIncluded="https://schema.org/False"),
            eur(price="49.90", valueAddedTaxIncluded="https://schema.org/True"),
        ],
        "49.90 EUR",
    ),
    "an empty kind of component": (
        [eur(price="4.16", billingDuration=12), eur(price="49.90", priceComponentType="")],
        "49.90 EUR",
    ),
    "a sale price of zero": ([eur(price="0", priceType=SALE), eur(price="49.90")], "49.90 EUR"),
    "a delivery charge first": (
        [{"@type": "DeliveryChargeSpecification", **eur(price="4.90")}, eur(price="49.90")],
        "49.90 EUR",
    ),
    "a fee of payment first": (
        [{"@type": "PaymentChargeSpecification", **eur(price="1.00")}, eur(price="49.90")],
        "49.90 EUR",
    ),
    "a deposit by its name": (
        [eur(price="0.25", name="Pfand"), eur(price="1.99")],
        "1.99 EUR",
    ),
    "a price per unit by its type": (
        [eur(price="4.16", priceType="https://schema.org/UnitPrice"), eur(price="49.99")],
        "49.99 EUR",
    ),
    "a price per unit by a text": (
        [eur(price="3.99", referenceQuantity="PER 100 ML"), eur(price="39.90")],
        "39.90 EUR",
    ),
    "a price per litre by its code": (
        [eur(price="3.99", unitCode="LTR"), eur(price="39.90")],
        "39.90 EUR",
    ),
    "a price per piece is the price": (
        [eur(price="39.90", unitCode="C62"), eur(price="3.99", unitCode="MLT")],
        "39.90 EUR",
    ),
    "a reference of one piece is the price": (
        [
            eur(price="39.90", referenceQuantity={"value": 1, "unitCode": "EA"}),
            eur(price="3.99", referenceQuantity={"value": 100, "unitCode": "MLT"}),
        ],
        "39.90 EUR",
    ),
    "net before gross": (
        [
            eur(price="100.00", valueAddedTaxIncluded=False),
            eur(price="121.00", valueAddedTaxIncluded=True),
        ],
        "121.00 EUR",
    ),
    "net by a text beside one that says nothing": (
        [eur(price="100.00", valueAddedTaxIncluded="false"), eur(price="119.00")],
        "119.00 EUR",
    ),
    "a subscription first": (
        [eur(price="9.90", billingDuration="P1M"), eur(price="99.00")],
        "99.00 EUR",
    ),
    "a down payment first": (
        [eur(price="20.00", priceComponentType="Downpayment"), eur(price="99.00")],
        "99.00 EUR",
    ),
    "a sale that is over": (
        [eur(price="30.00", priceType=SALE, validThrough="2024-01-01"), eur(price="40.00")],
        "40.00 EUR",
    ),
    "a struck price first": (
        [eur(price="59.00", priceType="StrikethroughPrice"), eur(price="49.00")],
        "49.00 EUR",
    ),
    "a price for members first": (
        [eur(price="30.00", validForMemberTier={"name": "Gold"}), eur(price="40.00")],
        "40.00 EUR",
    ),
    "a price for ten pieces first": (
        [eur(price="30.00", eligibleQuantity={"minValue": 10}), eur(price="40.00")],
        "40.00 EUR",
    ),
    "nothing but a list price": ([eur(price="59.00", priceType="ListPrice")], "59.00 EUR"),
    "nothing but a delivery charge": (
        [{"@type": "DeliveryChargeSpecification", **eur(price="4.90")}],
        None,
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_of_several_specifications_the_price_is_that_of_one_piece_now(name: str) -> None:
    specs, expected = SPECS[name]
    assert offered({"@type": "Offer", "priceSpecification": specs}) == expected


def test_a_compound_price_is_that_of_its_parts_without_the_charges() -> None:
    parts = [
        {"@type": "DeliveryChargeSpecification", **eur(price="4.90")},
        {"@type": "UnitPriceSpecification", **eur(price="49.90")},
    ]
    compound = {"@type": "CompoundPriceSpecification", "priceComponent": parts}
    assert offered({"priceSpecification": compound}) == "49.90 EUR"
    assert offered({"priceSpecification": {**compound, **eur(price="54.80")}}) == "54.80 EUR"


def test_of_two_offers_the_one_with_tax_is_the_shoppers() -> None:
    net = eur(price="100", priceSpecification=eur(price="100", valueAddedTaxIncluded="false"))
    gross = eur(price="121", priceSpecification=eur(price="121", valueAddedTaxIncluded="true"))
    assert offered([net, gross]) == "121.00 EUR"


def test_a_subscription_offer_beside_a_single_purchase_is_not_the_price() -> None:
    monthly = eur(price="9", priceSpecification=eur(price="9", billingIncrement=1))
    assert offered([monthly, eur(price="12")]) == "12.00 EUR"
    assert offered([monthly]) == "9.00 EUR"


def test_zero_is_a_price_only_where_nothing_else_is_and_it_can_be_had() -> None:
    assert offered([eur(price="0.00"), eur(price="49.90")]) == "49.90 EUR"
    assert offered(eur(price="0", availability="https://schema.org/OutOfStock")) is None
    assert offered(eur(price="0", availability="https://schema.org/InStock")) == "0.00 EUR"
    assert offered(eur(price="0", priceSpecification=eur(price="49.90"))) == "49.90 EUR"
    free = block(mug(offers=eur(price="0.00")))
    shown = item('<meta itemprop="priceCurrency" content="EUR"><b itemprop="price">49,90</b>')
    assert price_of(shown.replace("</body>", f"{free}</body>")) == "49.90 EUR"


@pytest.mark.parametrize(
    "shown",
    [
        '<del itemprop="price">€59.90</del> <ins itemprop="price">€49.90</ins>',
        '<s><b itemprop="price">€39.90</b></s> <b itemprop="price">€49.90</b>',
        '<b itemprop="price"><del>€39.90</del> <ins>€49.90</ins></b>',
        '<ins itemprop="price">€49.90</ins> <del itemprop="price" content="39.90">39</del>',
        '<i style="text-decoration:line-through" itemprop="price">€59</i><i itemprop="price">€49.9',
        '<i class="line-through" itemprop="price">€59</i><i itemprop="price">€49.90</i>',
        '<p class="old-price"><i itemprop="price">€59</i></p><i itemprop="price">€49.90</i>',
        '<b itemprop="price"><i class="oldPrice">€39.90</i> <i>€49.90</i></b>',
    ],
)
def test_what_is_struck_through_is_the_price_before(shown: str) -> None:
    assert price_of(item(shown, '<meta itemprop="priceCurrency" content="EUR">')) == "49.90 EUR"


def test_a_struck_price_alone_is_a_price() -> None:
    alone = '<del itemprop="price">€59.90</del><meta itemprop="priceCurrency" content="EUR">'
    assert price_of(item(alone)) == "59.90 EUR"


def test_the_lowest_price_is_chosen_within_one_currency() -> None:
    offers = [
        {"price": "49.90", "priceCurrency": "EUR"},
        {"price": "47.00", "priceCurrency": "CHF"},
        {"price": "45.00", "priceCurrency": "EUR"},
        {"price": "5500", "priceCurrency": "JPY"},
    ]
    assert offered(offers) == "45.00 EUR"
    assert offered(offers, currency="CHF") == "47.00 CHF"


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"start": "2020-01-01", "end": "2020-02-01"}, "59.90 EUR"),
        ({"end": "2020-02-01T00:00:00+01:00"}, "59.90 EUR"),
        ({"start": "2030-01-01", "end": "2030-02-01"}, "59.90 EUR"),
        ({"start": "2020-01-01", "end": "2030-02-01"}, "49.90 EUR"),
        ({}, "49.90 EUR"),
    ],
)
def test_a_sale_of_open_graph_has_its_dates(dates: dict[str, str], expected: str) -> None:
    assert price_of(page(head=sale("49.90", dates))) == expected


def test_a_sale_price_of_zero_in_open_graph_is_none() -> None:
    assert price_of(page(head=sale("0.00", {}))) == "59.90 EUR"


def sale(price: str, dates: dict[str, str]) -> str:
    values = {
        "og:type": "product",
        "og:title": "Blue Mug",
        "product:price:amount": "59.90",
        "product:price:currency": "EUR",
        "product:sale_price:amount": price,
        "product:sale_price:currency": "EUR",
        **{f"product:sale_price_dates:{moment}": day for moment, day in dates.items()},
    }
    return "".join(f'<meta property="{key}" content="{text}">' for key, text in values.items())


def test_a_currency_may_stand_on_the_product_beside_its_offers() -> None:
    assert offered({"price": "49.90"}, priceCurrency="EUR") == "49.90 EUR"
    assert offered([{"price": 5}, {"price": 4}], priceCurrency="SEK") == "4.00 SEK"


def test_a_currency_may_stand_in_the_specification_of_an_offers_own_price() -> None:
    assert (
        offered({"price": "49.90", "priceSpecification": {"priceCurrency": "EUR"}}) == "49.90 EUR"
    )


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("RUR", "RUB"), ("BYR", "BYN"), ("TRL", "TRY"), ("USD$", "USD"), ("EUR €", "EUR")),
        *(("€ EUR", "EUR"), ("KD", "KWD"), ("र", "INR"), ("Euro", "EUR"), ("eur ", "EUR")),
        *(
            ("US Dollar", "USD"),
            ("US$", "USD"),
            ("$AUD", "AUD"),
            ("GBP (£)", "GBP"),
            ("CHF.", "CHF"),
        ),
    ],
)
def test_currencies_are_known_by_the_names_that_shops_give_them(written: str, code: str) -> None:
    found = offered({"price": "49.90", "priceCurrency": written})
    assert found is not None
    assert found.split()[1] == code
