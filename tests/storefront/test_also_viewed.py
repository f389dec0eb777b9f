"""``topmail_also_viewed()``: what belongs together."""

from __future__ import annotations

import pytest

from tests.storefront.store import Browser, make_store
from topmail_flask.storefront.looks import Companion
from topmail_flask.storefront.ranking import also_viewed

TABLE = {
    "one visitor alone tells nothing": ([("mug", 1, 1)], []),
    "two do": ([("mug", 2, 2)], ["mug"]),
    "more visitors in common come first": ([("mug", 3, 20), ("pot", 9, 20)], ["pot", "mug"]),
    "what everybody looks at comes late": (
        [("bestseller", 12, 1000), ("strainer", 6, 10)],
        ["strainer", "bestseller"],
    ),
    "a bestseller that truly belongs there stays first": (
        [("bestseller", 180, 1000), ("strainer", 3, 10)],
        ["bestseller", "strainer"],
    ),
    "two by accident do not beat six": ([("odd", 2, 2), ("fit", 6, 20)], ["fit", "odd"]),
    "equals are in a stable order": ([("b", 2, 4), ("a", 2, 4)], ["a", "b"]),
    "counts that do not fit together are read with care": ([("mug", 3, 0)], ["mug"]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("companions", "expected"), TABLE.values(), ids=TABLE)
def test_products_are_ranked_by_what_their_viewers_have_in_common(
    companions: list[tuple[str, int, int]], expected: list[str]
) -> None:
    assert also_viewed(Companion(*one) for one in companions) == expected


def test_a_page_shows_what_its_viewers_saw_besides_but_not_itself() -> None:
    app = make_store()
    for _ in range(3):
        Browser(app).look("tea", "pot")
    for _ in range(2):
        Browser(app, f"{_}@shop.example").look("tea", "mug")
    Browser(app).look("tea", "urn")

    assert Browser(app).also("tea") == ["pot", "mug"]


def test_it_is_the_same_for_everybody_and_leaves_the_page_cacheable() -> None:
    app = make_store()
    plain = Browser(app).open("/p/tea")
    for _ in range(2):
        Browser(app).look("tea", "pot")

    first, second = (Browser(app).open("/p/tea?show=also") for _ in range(2))

    assert first.data == second.data
    assert b"[pot]" in first.data
    for header in ("Set-Cookie", "Vary", "Cache-Control"):
        assert header not in first.headers
        assert header not in plain.headers


def test_a_page_without_a_product_shows_none() -> None:
    assert "[" not in Browser(make_store()).open("/?show=also").text
