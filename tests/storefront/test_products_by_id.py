"""``@topmail.products_by_id``: ids become what the template shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.storefront.store import Browser, make_store
from topmail_flask import TopMail

LOADERS: dict[str, Callable[[list[str]], Any]] = {
    "raises": lambda ids: 1 / 0,
    "returns no mapping": list,
    "returns None": lambda ids: None,
}


def test_products_come_in_the_order_of_the_looks_and_those_no_longer_sold_are_left_out() -> None:
    topmail = TopMail()
    topmail.products_by_id(lambda ids: {one: one.upper() for one in sorted(ids) if one != "mug"})
    browser = Browser(make_store(topmail=topmail))
    browser.look("tea", "mug", "pot", "jug")

    assert browser.seen() == ["JUG", "POT", "TEA"]
    assert browser.open("/?show=list&limit=2").text.endswith("seen:[JUG][POT]")


def test_keys_of_any_type_find_their_ids() -> None:
    topmail = TopMail()
    topmail.products_by_id(lambda ids: {int(one): f"number {one}" for one in ids})
    browser = Browser(make_store(topmail=topmail))
    browser.look("7", "12")

    assert browser.seen() == ["number 12", "number 7"]


def test_a_coroutine_function_will_do() -> None:
    topmail = TopMail()

    @topmail.products_by_id
    async def products(ids: list[str]) -> dict[str, str]:
        return {one: one.upper() for one in ids}

    browser = Browser(make_store(topmail=topmail))
    browser.look("tea")

    assert browser.seen() == ["TEA"]


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_a_broken_function_costs_the_list_and_not_the_page(
    loader: Callable[[list[str]], Any], caplog: pytest.LogCaptureFixture
) -> None:
    topmail = TopMail()
    topmail.products_by_id(loader)
    browser = Browser(make_store(topmail=topmail))
    with caplog.at_level(logging.WARNING, "topmail_flask"):
        browser.look("tea")
        page = browser.open("/?show=list")

    assert page.status_code == 200
    assert page.text.endswith("seen:")
    assert "the page is served without it" in caplog.text
