"""The addresses of a product and its picture (rules T6, T7, R50)."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.extraction.objects import PAGE, read
from topmail_flask.extraction.addresses import page_address
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.settings import Settings

LAMP = {"id": 7, "name": "Lamp", "price": 1}
JPEG = "/9j/4AAQSkZJRgABAQAAAQABAAD"


class Address:
    """An address as pydantic, yarl and furl have it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.path = urlsplit(text).path

    def __str__(self) -> str:
        return self._text


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        (PAGE, {}, PAGE),
        (f"{PAGE}?utm_source=x&gclid=1&token=s3cret&email=ann%40shop.test#top", {}, PAGE),
        (f"{PAGE}?id=5&page=2", {"url_args": ("id",)}, f"{PAGE}?id=5"),
        (f"{PAGE}?i%64=5&page=2", {"url_args": ("id",)}, f"{PAGE}?i%64=5"),
        ("http://ann:pw@Shop.Test/p/1", {}, "http://shop.test/p/1"),
        (
            "http://10.0.0.5:8000/p/1?x=1",
            {"site_url": "https://shop.test"},
            "https://shop.test/p/1",
        ),
        ("http://app/p/1", {"site_url": "https://shop.test/de"}, "https://shop.test/de/p/1"),
        ("http://app/de/p/1", {"site_url": "https://shop.test/de"}, "https://shop.test/de/p/1"),
        (
            "http://app//evil.test/p",
            {"site_url": "https://shop.test"},
            "https://shop.test/evil.test/p",
        ),
        ("https://shop.test/p/é", {}, "https://shop.test/p/%C3%A9"),
        (f"{PAGE}?{'a=1&' * 100_000}", {}, PAGE),
    ],
)
def test_the_page_has_one_clean_address(url: str, settings: dict[str, Any], expected: str) -> None:
    """F144."""
    assert page_address(url, Settings(**settings)) == expected


@pytest.mark.parametrize("url", ["", "/p/1", "javascript:alert(1)", "http://[", "data:x", "//x/p"])
def test_what_is_no_page_has_no_address(url: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        page_address(url, Settings())
    assert raised.value.field == "url"


def test_an_argument_stays_that_names_the_product() -> None:
    """A store that keeps the id in the query needs no setting."""
    url = "https://shop.test/product?id=7&variant=RED&page=7&ref=x&sku=S1"
    assert read(LAMP, url=url).url == "https://shop.test/product?id=7"
    assert read({**LAMP, "sku": "S1"}, url=url).url == "https://shop.test/product?id=7&sku=S1"
    chosen = read({**LAMP, "choice": "RED"}, url=url, fields={"variant_id": "choice"})
    assert chosen.url == "https://shop.test/product?id=7&variant=RED"
    assert read({**LAMP, "id": 8}, url=url).url == "https://shop.test/product"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("/lamps/7?colour=red", "https://shop.test/lamps/7?colour=red"),
        ("https://shop.test/lamps/7#top", "https://shop.test/lamps/7"),
        ("https://www.shop.test/lamps/7", "https://shop.test/lamps/7"),
        ("http://shop.test/lamps/7", "https://shop.test/lamps/7"),
        ("//shop.test/lamps/7", "https://shop.test/lamps/7"),
        *((foreign, PAGE) for foreign in ("https://supplier.test/7", "//evil.test/7", "lamps/7")),
        *((odd, PAGE) for odd in ("javascript:alert(1)", "/\\evil.test", "", 7, None, ["/x"])),
        ("/" + "x" * 5_000, PAGE),
        (lambda: "/lamps/7", PAGE),
    ],
)
def test_a_products_own_url_counts_on_the_shops_site_only(own: object, expected: str) -> None:
    """F143."""
    assert read({**LAMP, "url": own}).url == expected


def test_a_products_own_url_moves_to_the_configured_site() -> None:
    shown = {**LAMP, "url": "http://app:8000/lamps/7"}
    moved = read(shown, url="http://app:8000/x", site_url="https://shop.test")
    assert moved.url == "https://shop.test/lamps/7"


@pytest.mark.parametrize(
    ("image", "settings", "expected"),
    [
        ("https://cdn.test/a.jpg", {}, "https://cdn.test/a.jpg"),
        ("//cdn.test/a.jpg", {}, "https://cdn.test/a.jpg"),
        ("http://localhost:5000/a.jpg", {}, "https://shop.test/a.jpg"),
        ("/static/a b.jpg", {}, "https://shop.test/static/a%20b.jpg"),
        ("a.jpg", {}, None),
        ("static/a.jpg", {}, None),
        ("a.jpg", {"image_base": "https://cdn.test/img"}, "https://cdn.test/img/a.jpg"),
        ("a.jpg", {"image_base": "/static/img/"}, "https://shop.test/static/img/a.jpg"),
        ("/x/a.jpg", {"image_base": "https://cdn.test/img/"}, "https://cdn.test/x/a.jpg"),
        ("https://x.test/a.jpg", {"image_base": "https://cdn.test"}, "https://x.test/a.jpg"),
        ("a.jpg", {"image_base": lambda name: f"/m/{name}"}, "https://shop.test/m/a.jpg"),
        ("a.jpg", {"image_base": lambda _: None}, None),
        ("a.jpg", {"image_base": lambda _: 1 / 0}, None),
        (JPEG, {}, None),
        ("iVBORw0KGgoAAAANSUhEUg", {"image_base": "https://cdn.test"}, None),
        ("data:image/png;base64,iVBORw0KGgo", {}, None),
        (JPEG * 100_000, {"image_base": "https://cdn.test"}, None),
        ("no_selection", {"image_base": "https://cdn.test"}, None),
        ("/static/uploads/None", {}, None),
        ("None", {"image_base": "https://cdn.test"}, None),
        ("javascript:alert(1)", {}, None),
        ("ftp://cdn.test/a.jpg", {}, None),
        ("/a\r\nb.jpg", {}, None),
        ("", {}, None),
        (b"/a.jpg", {}, None),
        (SimpleNamespace(url="/a.jpg"), {}, "https://shop.test/a.jpg"),
        ({"url": "/a.jpg"}, {}, "https://shop.test/a.jpg"),
        (Address("https://cdn.test/i/a.jpg"), {}, "https://cdn.test/i/a.jpg"),
        (SimpleNamespace(url=lambda: "/a.jpg"), {}, None),
        (["/a.jpg"], {}, "https://shop.test/a.jpg"),
        ([], {}, None),
        (["", {"src": "/b.jpg"}], {}, "https://shop.test/b.jpg"),
        ("/a.jpg, /b.jpg", {}, "https://shop.test/a.jpg"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_picture_has_an_absolute_address_or_none(
    image: object, settings: dict[str, Any], expected: str | None
) -> None:
    assert read({**LAMP, "image": image}, **settings).image_url == expected


def test_the_first_picture_with_an_address_is_taken() -> None:
    rejected: dict[str, str] = {}
    shown = {**LAMP, "image_url": "", "image": "a.jpg", "picture": JPEG, "thumbnail": "/t.jpg"}
    assert read(shown, rejected=rejected).image_url == "https://shop.test/t.jpg"
    assert read({**LAMP, "pic": "/p.jpg"}).image_url == "https://shop.test/p.jpg"
    assert rejected == {}
    assert read({**LAMP, "image": "a.jpg"}, rejected=rejected).image_url is None
    assert "TOPMAIL_IMAGE_BASE" in rejected["image_url"]


def test_megabytes_of_picture_are_not_read() -> None:
    shown = {**LAMP, "image": "iVBORw0K" + "A" * 2_000_000}
    started = time.thread_time()
    for _ in range(100):
        read(shown)
    assert time.thread_time() - started < 0.5
