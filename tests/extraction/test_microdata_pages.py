"""Products in microdata, as shop systems and hand-written templates print them (R16, R17)."""

from __future__ import annotations

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason

OFFER = '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
ITEM = '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Mug</b>'


def product_of(html: str, url: str = PAGE, currency: str | None = None) -> Product:
    extraction = extract(html, url, currency=currency)
    assert extraction.product is not None, extraction
    return extraction.product


def test_a_magento_page_is_read() -> None:
    html = """<body itemtype="http://schema.org/Product" itemscope="itemscope">
    <h1><span itemprop="name">Joust Bag</span></h1>
    <div itemprop="offers" itemscope itemtype="http://schema.org/Offer">
    <span data-price-amount="34"><span class="price">$34.00</span></span>
    <meta itemprop="price" content="34"/><meta itemprop="priceCurrency" content="USD"/></div>
    <div class="value" itemprop="sku">24-MB01</div>
    <div itemprop="aggregateRating" itemscope itemtype="http://schema.org/AggregateRating">
    <meta itemprop="name" content="Rating"></div>
    <a href="/media/big.jpg" itemprop="image"><img data-src="/media/j.jpg" src="data:image/gif"></a>
    </body>"""
    product = product_of(html)
    assert (product.id, product.name, str(product.price)) == ("24-MB01", "Joust Bag", "34.00")
    assert product.image_url == "https://shop.example/media/j.jpg"


def test_a_shopware_page_is_read() -> None:
    html = """<link rel="canonical" href="/Main-product/SW1">
    <div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Main product</h1>
    <meta itemprop="gtin13" content=""><meta itemprop="mpn" content="X">
    <div itemprop="offers" itemscope itemtype="http://schema.org/Offer">
    <meta itemprop="url" content="https://shop.example/Main-product/SW1">
    <meta itemprop="priceCurrency" content="EUR"><meta itemprop="price" content="495.95">
    <link itemprop="availability" href="http://schema.org/InStock"></div>
    <span itemprop="sku">SW1</span>
    <div itemprop="brand" itemtype="https://schema.org/Brand" itemscope>
    <meta itemprop="name" content="shopware AG"></div></div>"""
    product = product_of(html, "https://shop.example/Main-product/SW1?p=1")
    assert product == Product(
        "SW1",
        "Main product",
        "https://shop.example/Main-product/SW1",
        price="495.95",  # type: ignore[arg-type]  # machine text is taken
        currency="EUR",
        brand="shopware AG",
        sku="SW1",
    )


def test_properties_elsewhere_are_found_by_their_ids() -> None:
    html = page(
        '<div itemscope itemtype="https://schema.org/Product" itemref="offer name missing"></div>'
        f'<p id="name" itemprop="name">Mug</p><div id="offer">{OFFER}'
        '<b itemprop="price">7,50 €</b></div></div>'
    )
    product = product_of(html)
    assert (product.name, str(product.price), product.currency) == ("Mug", "7.50", "EUR")


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<b itemprop="price" content="1.234">1,234 €</b>', "1.23"),
        ('<b itemprop="price">1.234 €</b>', "1234.00"),
        ('<b itemprop="price">26<sup>,00</sup>&nbsp;€</b>', "26.00"),
        ('<data itemprop="price" value="8.5">eight fifty</data>', "8.50"),
        ('<b itemprop="price">71,91 € 79,90 €</b>', "71.91"),
        ('<b itemprop="price"><script>var a = 99;</script>5 €</b>', "5.00"),
        ('<b itemprop="price">ask us</b>', None),
    ],
)
def test_a_price_for_people_is_read_as_people_do(markup: str, expected: str | None) -> None:
    product = product_of(page(f"{ITEM}{OFFER}{markup}</div></div>"), currency="EUR")
    assert (str(product.price) if product.price is not None else None) == expected


def test_names_of_what_is_inside_a_product_are_not_its_name() -> None:
    html = page(
        '<div itemscope itemtype="https://schema.org/Product">'
        '<div itemprop="brand" itemscope><b itemprop="name">Acme</b></div>'
        '<div itemprop="review" itemscope><b itemprop="name">Great</b></div>'
        '<div itemprop="isRelatedTo" itemscope itemtype="https://schema.org/Product">'
        '<b itemprop="name">Cup</b></div>'
        '<div itemscope itemtype="https://schema.org/Organization">'
        '<b itemprop="name">Shop</b></div>'
        '<b itemprop="name">Mug</b></div>'
    )
    product = product_of(html)
    assert (product.name, product.brand) == ("Mug", "Acme")


@pytest.mark.parametrize(
    "markup",
    [
        f"<noscript>{ITEM}</div></noscript>",
        f"<template>{ITEM}</div></template>",
        f"<!-- {ITEM}</div> -->",
        '<b itemprop="name">Mug</b>',
        '<div itemscope><b itemprop="name">Mug</b></div>',
        '<div itemscope itemtype="https://other.example/Product"><b itemprop="name">Mug</b></div>',
        '<div itemscope itemtype="https://schema.org/Event"><b itemprop="name">Mug</b></div>',
        "<p>itemtype of https://schema.org/Product</p>",
    ],
)
def test_what_is_no_product_of_the_page_is_none(markup: str) -> None:
    assert extract(page(markup), PAGE).reason is Reason.NO_PRODUCT


def test_microdata_fills_the_gaps_of_json_ld() -> None:
    html = page(
        block(mug(offers=None, sku="1")),
        '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Blue Mug</b>'
        f'<i itemprop="brand">Acme</i>{OFFER}<b itemprop="price">9 €</b></div></div>',
    )
    extraction = extract(html, PAGE)
    assert extraction.product is not None
    assert (extraction.product.id, extraction.product.brand) == ("1", "Acme")
    assert str(extraction.product.price) == "9.00"
    sources = {field.field: field.source for field in extraction.trace.fields}
    assert (sources["name"], sources["price"]) == ("json_ld", "microdata")


def test_a_product_of_another_name_fills_nothing() -> None:
    html = page(block(mug(offers=None, url=PAGE)), f"{ITEM}<i itemprop=brand>Other</i></div>")
    assert product_of(html).brand is None


def test_a_card_for_another_page_is_not_seen() -> None:
    card = f'{ITEM}<a itemprop="url" href="/p/other">x</a>{{}}</div>'
    offer = f'{OFFER}<meta itemprop="price" content="9"></div>'
    assert extract(page(card.format("")), PAGE).reason is Reason.AMBIGUOUS
    head = '<link rel="canonical" href="/p/mug">'
    assert extract(page(card.format(offer), head=head), PAGE).reason is Reason.AMBIGUOUS
    stale = product_of(page(card.format(offer)), PAGE)
    assert stale.url == "https://shop.example/p/other"


FILLING = "<li><i>Shoe</i> <b>49.90</b></li>" * 1_000


def test_a_long_page_below_the_product_is_no_part_of_it() -> None:
    product = product_of(f"<main>{ITEM}</div><ul>{FILLING * 60}</ul></main>")

    assert product.name == "Mug"


def test_a_property_is_read_to_its_end_however_late_that_comes() -> None:
    html = f'{ITEM}<p itemprop="category">Cups <script>{" " * 20_000}</script>and mugs</p></div>'

    assert product_of(html + FILLING).category == "Cups and mugs"


@pytest.mark.parametrize(("named", "reason"), [("Mug", None), ("Jug", Reason.AMBIGUOUS)])
def test_a_heading_far_below_the_items_is_read_to_its_end(
    named: str, reason: Reason | None
) -> None:
    html = f"{ITEM}</div>{FILLING}<h1><b>{FILLING}</b> {named}</h1>{FILLING}"

    assert extract(html, "https://shop.example/p/7").reason is reason


def test_an_item_is_whole_that_refers_to_the_end_of_the_page() -> None:
    html = '<div itemscope itemtype="https://schema.org/Product" itemref="end"></div>'
    html += f'{FILLING}<div id="end"><b itemprop="name">Mug</b></div>{FILLING}'

    assert product_of(html).name == "Mug"
