"""A failing test tells the whole story."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask

from topmail_flask import Reason, Shopper
from topmail_flask.testing import CapturedViews, capture

ANN, BOB = "ann@shop.example", "bob@shop.example"
STORY = """\
What the app was asked for:
  GET /products/tea-1
    view of 'tea-1' (Green tea, 9.90 EUR), by ann@shop.example
  GET /products/tea-1?from=mail
    no view of 'tea-1' (Green tea, 9.90 EUR): repeat. The same shopper saw the same product \
within TOPMAIL_REPEAT_WINDOW.
  GET /about
    no view: no_product. No product was found on the page.
    fix: Mark the view with @product_page and its variable, or set TOPMAIL_TEMPLATE_VARIABLES."""


@pytest.fixture
def views(app: Flask) -> Iterator[CapturedViews]:
    with capture(app) as views:
        ann = views.browse_as(ANN)
        ann.get("/products/tea-1")
        ann.get("/products/tea-1?from=mail")
        ann.get("/about")
        yield views


def failure(failing: pytest.ExceptionInfo[AssertionError]) -> str:
    return str(failing.value)


@pytest.mark.parametrize("price", ["9.9", "9.90", 9.9, Decimal("9.900")])
def test_a_price_is_compared_as_a_number(views: CapturedViews, price: object) -> None:
    views.assert_viewed("tea-1", shopper=ANN, price=price)  # type: ignore[arg-type]


def test_a_shopper_is_an_address_in_any_case_or_a_shopper(views: CapturedViews) -> None:
    views.assert_viewed("tea-1", shopper="Ann@SHOP.example")
    views.assert_viewed("tea-1", shopper=Shopper(ANN), currency="EUR", brand=None)


def test_a_contact_is_known_by_its_id(app: Flask) -> None:
    with capture(app) as views:
        views.browse_as(Shopper(contact_id="c-17")).get("/products/17")
        views.assert_viewed(17, shopper="c-17")
        with pytest.raises(AssertionError, match=r"seen by contact c-17") as failing:
            views.assert_viewed(17, shopper=ANN)
        assert "by contact c-17" in failure(failing).splitlines()[-1]


def test_a_wrong_field_is_named_and_the_story_told(views: CapturedViews) -> None:
    with pytest.raises(AssertionError) as failing:
        views.assert_viewed("tea-1", shopper=ANN, price="9.99", brand="Camellia")
    assert failure(failing) == (
        "0 views of 'tea-1' by ann@shop.example with price 9.99, brand Camellia; expected 1.\n"
        "Nearly: price is 9.90, not 9.99, brand is None, not 'Camellia'.\n" + STORY
    )


def test_a_wrong_shopper_is_named(views: CapturedViews) -> None:
    with pytest.raises(AssertionError) as failing:
        views.assert_viewed("tea-1", shopper=BOB)
    assert failure(failing) == (
        "0 views of 'tea-1' by bob@shop.example; expected 1.\n"
        "Nearly: seen by ann@shop.example.\n" + STORY
    )


def test_a_view_too_many_fails_as_well(views: CapturedViews) -> None:
    views.browse_as(BOB).get("/products/tea-1")
    views.assert_viewed("tea-1", times=2)
    with pytest.raises(AssertionError, match=r"^2 views of 'tea-1'; expected 1\."):
        views.assert_viewed("tea-1")


def test_a_view_that_should_not_be_is_told_with_the_story(views: CapturedViews) -> None:
    with pytest.raises(AssertionError) as failing:
        views.assert_not_viewed("tea-1")
    assert failure(failing) == "1 view of 'tea-1'; expected none.\n" + STORY
    views.assert_not_viewed("tea-2")
    views.assert_not_viewed("tea-1", shopper=BOB)


def test_no_view_for_another_reason_fails(views: CapturedViews) -> None:
    views.assert_not_viewed("tea-2", reason="no_product")
    views.assert_not_viewed("tea-1", shopper=BOB, reason=Reason.REPEAT)
    with pytest.raises(AssertionError) as failing:
        views.assert_not_viewed("tea-2", reason="repeat")
    assert failure(failing) == (
        "No view of 'tea-2', but none was refused as repeat either.\n" + STORY
    )


def test_no_view_proves_nothing_when_nothing_was_asked_for(app: Flask) -> None:
    with capture(app) as views:
        with pytest.raises(AssertionError) as failing:
            views.assert_not_viewed()
        assert failure(failing) == (
            "No view of any product, and no wonder.\n"
            "The app was asked for nothing: were the requests made inside of capture(app), "
            "and to this very app?"
        )


def test_an_ambiguous_page_tells_its_candidates(app: Flask) -> None:
    @app.get("/two")
    def two() -> str:
        item = '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">{0}</b>'
        item += '<i itemprop="sku">{0}</i><i itemprop="price">1</i></div>'
        return "<title>Two</title>" + item.format("Cup") + item.format("Pot")

    with capture(app) as views:
        views.browse_as(ANN).get("/two")
        story = views.story()
    [refusal] = views.refusals
    assert refusal.product is None
    assert refusal.trace.candidates
    assert all(f"    candidate: {name}" in story for name in refusal.trace.candidates)


def test_misspelt_fields_prices_and_reasons_are_told(views: CapturedViews) -> None:
    with pytest.raises(TypeError, match=r"no field 'pirce': did you mean 'price'\?"):
        views.assert_viewed("tea-1", pirce=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"price='9,90' is no number: write \"9\.99\""):
        views.assert_viewed("tea-1", price="9,90")
    with pytest.raises(ValueError, match=r"'prefech' is no reason: did you mean 'prefetch'\?"):
        views.assert_not_viewed(reason="prefech")
    with pytest.raises(ValueError, match="there is assert_not_viewed"):
        views.assert_viewed("tea-1", times=0)


def test_cleared_views_are_gone(views: CapturedViews) -> None:
    assert (len(views), len(views.refusals), repr(views)) == (
        1,
        2,
        "<CapturedViews: 1 view, 2 refusals>",
    )
    views.clear()
    assert (list(views), views.refusals) == ([], [])


def test_the_story_is_on_the_value_and_no_repr_tells_who_it_was(views: CapturedViews) -> None:
    assert views.story() == STORY
    assert ANN not in f"{views!r}{list(views)!r}{views.refusals!r}"
