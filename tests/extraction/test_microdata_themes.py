"""Microdata as the themes of known shops print it."""

from __future__ import annotations

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product

ITEM = '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Mug</h1>'
CRUMBS = """<ol itemscope itemtype="https://schema.org/BreadcrumbList">
 <li itemprop="itemListElement" itemscope itemtype="https://schema.org/ListItem">
  <a itemprop="item" href="/"><span itemprop="name">Home</span></a>
  <meta itemprop="position" content="1"></li>
 <li itemprop="itemListElement" itemscope itemtype="https://schema.org/ListItem">
  <a itemprop="item" href="/c/mugs"><span itemprop="name">Mugs</span></a>
  <meta itemprop="position" content="2"></li></ol>"""


def product_of(*parts: str) -> Product:
    extraction = extract(page(*parts), PAGE)
    assert extraction.product is not None, extraction
    return extraction.product


def test_a_picture_may_be_named_in_a_text() -> None:  # Odoo
    html = f'{ITEM}<span itemprop="image" hidden>https://cdn.example/1.jpg?u=1</span></div>'
    assert product_of(html).image_url == "https://cdn.example/1.jpg?u=1"
    assert product_of(f'{ITEM}<span itemprop="image">A blue mug</span></div>').image_url is None


def test_the_main_entity_of_a_page_without_an_item_is_its_product() -> None:  # JTL
    main = ITEM.replace("<div", '<div itemprop="mainEntity"')
    assert product_of(main + '<b itemprop="sku">M-1</b></div>').id == "M-1"
    related = ITEM.replace("<div", '<div itemprop="isRelatedTo"')
    assert extract(page(related + "</div>"), PAGE).product is None


def test_the_text_of_a_link_is_its_label() -> None:
    html = f'{ITEM}<a itemprop="category" href="/c/mugs">Mugs</a></div>'
    assert product_of(html).category == "Mugs"


def test_breadcrumbs_in_microdata_tell_the_category_of_a_product_in_json_ld() -> None:
    assert product_of(CRUMBS, block(mug())).category == "Mugs"
    assert product_of(CRUMBS, block(mug(url=PAGE))).category == "Mugs"
    other = {"@type": "BreadcrumbList", "itemListElement": [{"name": "Cups", "item": "/c/cups"}]}
    assert product_of(CRUMBS, block(mug(url=PAGE), other)).category == "Cups"


PRICE = (
    '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
    '<p itemprop="price">{}</p><meta itemprop="priceCurrency" content="EUR"></div></div>'
)


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ("24<sup>99</sup>", "24.99"),
        ("€ 1.299<sup>90</sup>", "1299.90"),
        ('24 <span class="price-cents">99</span> €', "24.99"),
        ('24,<span class="decimals">99</span> €', "24.99"),
        ("<b>1</b>&nbsp;<b>299</b> €", "1299.00"),
    ],
)
def test_cents_above_the_line_do_not_make_a_price_a_hundred_times_as_high(
    price: str, amount: str
) -> None:
    assert str(product_of(ITEM + PRICE.format(price)).price) == amount


def test_what_a_template_prints_for_nothing_is_no_name_and_no_category() -> None:
    assert extract(page(block(mug(name="None"))), PAGE).product is None
    assert product_of(block(mug(category="None"))).category is None
