"""No page of a shop but that of a product is a view: two hundred that could be taken for one."""

from __future__ import annotations

import pytest

from tests.extraction.other_pages import KINDS, other_pages
from topmail_flask.extraction.extract import extract

PAGES = {name: (url, html) for name, url, html in other_pages()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_shows_no_single_product_is_no_view(name: str) -> None:
    url, html = PAGES[name]
    assert extract(html, url).product is None


@pytest.mark.parametrize("name", PAGES)
def test_a_shop_of_another_currency_and_charset_sees_none_either(name: str) -> None:
    url, html = PAGES[name]
    assert extract(html.encode("utf-16"), url, currency="USD").product is None


def test_there_are_two_hundred_of_twenty_kinds() -> None:
    assert len(KINDS) >= 20
    assert len(PAGES) >= 200
