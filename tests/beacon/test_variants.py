"""Another variant is chosen without another page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.beacon.visitor import Tag, beacon_shop, post, show
from topmail_flask import Product, Reason
from topmail_flask.testing import capture

LISTED = "{{ topmail_beacon(product, variants=variants) }}"


class Row:
    def __init__(self, id: int, price: str) -> None:  # noqa: A002
        self.id, self.price, self.sku = id, price, f"TEA-{id}"


def tag_with(variants: Any) -> tuple[Any, Tag]:
    shop = beacon_shop(LISTED, currency="EUR")
    shop.app.jinja_env.globals["variants"] = variants
    return shop, Tag.of(shop.get("/tea").text)


@pytest.mark.parametrize(
    "variants",
    [
        [{"variant_id": "7", "price": "12.50", "currency": "EUR", "sku": "TEA-7"}],
        [{"id": 7, "price": 12.5, "sku": "TEA-7"}],
        [Row(7, "12.50")],
        [
            Product(
                *("tea-1", "Green tea", "http://localhost/tea", "7"),
                price="12.50",  # type: ignore[arg-type]
                currency="EUR",
                sku="TEA-7",
            )
        ],
    ],
    ids=["mapping", "its id", "object", "product"],
)
def test_a_chosen_variant_is_a_look_at_it(variants: Any) -> None:
    shop, tag = tag_with(variants)
    with capture(shop.app) as views:
        show(shop.app, tag, "variant", variant="7")

        views.assert_viewed("tea-1", variant_id="7", sku="TEA-7", price="12.50", currency="EUR")


def test_each_variant_counts_once_within_the_window() -> None:
    shop, tag = tag_with([{"id": "small"}, {"id": "large"}])
    with capture(shop.app) as views:
        for name in ("small", "large", "small", "large"):
            show(shop.app, tag, "variant", variant=name)

        assert [view.product.variant_id for view in views] == ["small", "large"]


def test_the_token_of_another_products_variant_is_refused() -> None:
    shop, tag = tag_with([{"id": "small"}])
    pot = Tag.of(shop.get("/pot").text)
    with capture(shop.app) as views:
        post(shop.app, f"variant 1 {pot.token} {tag.variants['small']}")
        post(shop.app, f"variant 1 {tag.variants['small']}")
        post(shop.app, f"variant 1 {tag.token} {tag.token}")

        views.assert_not_viewed(reason=Reason.BEACON_REFUSED)
        assert len(views.refusals) == 3


def test_what_can_be_no_variant_is_left_out_and_a_hundred_are_enough() -> None:
    _, tag = tag_with([None, {}, {"id": ""}, object(), {"id": "x" * 101}, {"id": "good"}])
    assert list(tag.variants) == ["good"]

    _, tag = tag_with([{"id": number} for number in range(500)])
    assert len(tag.variants) == 100
