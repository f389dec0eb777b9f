"""Categories, brands and pictures as shops name them, and what stands there instead of one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extraction.markup import PAGE, block, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product

SHOP = "https://shop.example"


def product_of(*nodes: Any) -> Product:
    extraction = extract(page(block(*nodes)), PAGE)
    assert extraction.product is not None, extraction
    return extraction.product


@pytest.mark.parametrize(
    "home",
    [
        {"name": "Strona główna"},
        {"name": "ANA SAYFA"},
        {"name": "Domů", "item": SHOP + "/cs/"},
        {"name": "Acme", "item": SHOP + "/index.php"},
        {"name": "Acme", "item": "/en-gb"},
    ],
)
def test_the_way_to_a_category_does_not_begin_with_the_front_page(home: dict[str, str]) -> None:
    """R53, in any language."""
    steps = {"@type": "BreadcrumbList", "itemListElement": [home, {"name": "Mugs", "item": "/m"}]}
    assert product_of(mug(), steps).category == "Mugs"


@pytest.mark.parametrize("brand", ["—", "N.A.", "0", "undefined", "https://shop.example/b/nord"])
def test_a_placeholder_or_an_address_is_no_brand(brand: str) -> None:
    assert product_of(mug(brand=brand)).brand is None
    assert product_of(mug(brand=brand, manufacturer="Acme")).brand == "Acme"


@pytest.mark.parametrize("empty", ["undefined", "null", "None", "", "data:image/gif;base64,R0"])
def test_a_placeholder_is_no_picture(empty: str) -> None:
    assert product_of(mug(image=empty)).image_url is None
    assert product_of(mug(image=[empty, "/1.jpg"])).image_url == SHOP + "/1.jpg"


@pytest.mark.parametrize(
    "image",
    [
        "https://shop.example/1.jpg,https://shop.example/2.jpg",
        {"@type": "ImageObject", "url": {"@id": "/1.jpg"}},
    ],
)
def test_the_first_picture_counts_however_it_is_written(image: Any) -> None:
    assert product_of(mug(image=image)).image_url == SHOP + "/1.jpg"


@pytest.mark.parametrize("said", ["In Stock", "in_stock", "in-stock", "schema:MadeToOrder"])
def test_what_can_be_ordered_is_known_however_it_is_spelled(said: str) -> None:
    offers = [
        {"price": 5, "priceCurrency": "EUR", "availability": "sold_out"},
        {"price": 9, "priceCurrency": "EUR", "availability": said},
    ]
    assert str(product_of(mug(offers=offers)).price) == "9.00"
