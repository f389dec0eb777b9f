"""Products in OpenGraph metas (R18, R19)."""

from __future__ import annotations

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason


def metas(**values: str) -> str:
    named = {"og:type": "product", "og:title": "Blue Mug"}
    named |= {key.replace("__", ":"): value for key, value in values.items()}
    return "".join(f'<meta property="{key}" content="{item}">' for key, item in named.items())


PRICE = {"product__price__amount": "12.50", "product__price__currency": "EUR"}


def product_of(head: str, *body: str) -> Product:
    extraction = extract(page(*body, head=head), PAGE)
    assert extraction.product is not None, extraction
    return extraction.product


def test_metas_alone_can_tell_a_product() -> None:
    product = product_of(metas(og__image="/i/mug.jpg", product__brand="Acme", **PRICE))
    assert product == Product(
        "mug",
        "Blue Mug",
        PAGE,
        image_url="https://shop.example/i/mug.jpg",
        price="12.50",  # type: ignore[arg-type]  # machine text is taken
        currency="EUR",
        brand="Acme",
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, Reason.NO_PRODUCT),
        ({"og__type": "website", **PRICE}, Reason.NO_PRODUCT),
        ({"og__type": "article", **PRICE}, Reason.NO_PRODUCT),
        ({"og__type": "product.group", **PRICE}, Reason.LISTING),
        ({"og__url": "https://shop.example/", **PRICE}, Reason.AMBIGUOUS),
        ({"og__title": "", **PRICE}, Reason.NO_PRODUCT),
    ],
)
def test_what_a_theme_prints_everywhere_is_no_product(
    values: dict[str, str], reason: Reason
) -> None:
    head = '<link rel="canonical" href="/p/mug">' + metas(**values)
    assert extract(page(head=head), PAGE).reason is reason


@pytest.mark.parametrize(
    "head",
    [
        metas(**PRICE).replace("property=", "name="),
        metas(**PRICE).replace(
            'property="og:type" content="product"', "content=product property=og:type"
        ),
        metas(**PRICE).replace('"', "'"),
        metas(**PRICE).replace("<meta", "<META").replace("og:title", "OG:Title"),
        metas(og__type="og:product", **PRICE),
        metas(og__type="product.item", product__retailer_item_id="mug"),
        '<meta property="og:title" content="">' + metas(**PRICE),
        "<!-- " + metas(og__title="Hidden", **PRICE) + " -->" + metas(**PRICE),
        "<noscript>" + metas(og__title="Hidden", **PRICE) + "</noscript>" + metas(**PRICE),
    ],
)
def test_metas_may_be_written_in_many_ways(head: str) -> None:
    product = product_of(head)
    assert (product.id, product.name) == ("mug", "Blue Mug")


def test_metas_outside_of_the_head_count() -> None:
    assert product_of("", metas(**PRICE)).name == "Blue Mug"


def test_the_sale_price_is_the_price_and_families_are_not_mixed() -> None:
    sale = {"product__sale_price__amount": "10", "product__sale_price__currency": "USD"}
    product = product_of(metas(**PRICE, **sale))
    assert (str(product.price), product.currency) == ("10.00", "USD")
    legacy = {"og__price__amount": "1.234,50", "og__price__currency": "EUR"}
    assert str(product_of(metas(**legacy)).price) == "1234.50"
    mixed = {"product__price__amount": "9", "og__price__amount": "8", "og__price__currency": "EUR"}
    assert product_of(metas(**mixed)).price is None


def test_metas_fill_the_gaps_of_json_ld_and_conflicts_are_told() -> None:
    head = metas(
        og__image__secure_url="https://cdn.example/s.jpg",
        og__image="http://cdn.example/i.jpg",
        product__brand="Acme",
        product__price__amount="13",
        product__price__currency="EUR",
    )
    extraction = extract(page(block(mug(url=PAGE)), head=head), PAGE)
    assert extraction.product is not None
    assert extraction.product.image_url == "https://cdn.example/s.jpg"
    assert (extraction.product.brand, str(extraction.product.price)) == ("Acme", "12.50")
    assert [
        (conflict.field, conflict.source, conflict.other_source)
        for conflict in extraction.trace.conflicts
    ] == [("price", "json_ld", "open_graph")]


def test_metas_of_another_product_fill_nothing() -> None:
    head = metas(og__title="Cup", product__retailer_item_id="CUP", product__brand="Other")
    assert product_of(head, block(mug(url=PAGE))).brand is None


def test_the_name_of_the_shop_is_no_brand() -> None:
    head = metas(og__site_name="Acme Shop", og__brand="Acme Shop", **PRICE)
    assert product_of(head).brand is None


@pytest.mark.parametrize(
    ("title", "site"),
    [
        ("Blue Mug | Tea House", "Tea House"),
        ("Blue Mug – Tea-House", "Tea House"),
        ("Tea House » Blue Mug", "Tea House"),
        ("Blue Mug | Shop", None),
        ("Blue Mug", "Blue Mug"),
    ],
)
def test_the_name_of_the_shop_is_no_part_of_a_products_name(title: str, site: str | None) -> None:
    named = {"og__title": title, **({"og__site_name": site} if site else {})}
    assert product_of(metas(**named, **PRICE)).name == "Blue Mug"


def test_the_first_part_of_a_title_is_the_name_if_it_is_the_heading() -> None:
    head = metas(og__title="Blue Mug | By hand", **PRICE)
    assert product_of(head, "<h1>Blue Mug</h1>").name == "Blue Mug"
    assert product_of(head, "<h1>Mugs</h1>").name == "Blue Mug | By hand"


def test_a_list_is_no_product_although_json_ld_holds_one() -> None:
    head = metas(og__type="product.group", og__title="Mugs")
    assert extract(page(block(mug()), head=head), PAGE).reason is Reason.LISTING
    head = metas(og__type="website", og__title="Mugs")
    assert extract(page(block(mug(url="/p/1")), head=head), PAGE).reason is Reason.LISTING


def test_other_metas_beside_the_same_json_ld_are_read_anew() -> None:
    node = block(mug(url=PAGE))
    for brand in ("Acme", "Other", "Acme"):
        assert product_of(metas(product__brand=brand), node).brand == brand
