"""What was read before is known again, and what changed is read anew."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from topmail_flask import InvalidValueError, Product, Settings, extract
from topmail_flask.extraction.objects import ProductReader

PAGE = "https://tea.example/teas/7"
EUR = Settings(currency="EUR", site_url="https://tea.example")


class Tea:
    """A row of the shop that counts how often it is asked for its price."""

    cost: object

    def __init__(self, **told: Any) -> None:
        self.__dict__.update({"id": 7, "name": "Assam", "cost": Decimal("4.90")} | told)
        self.asked = 0

    @property
    def price(self) -> object:
        self.asked += 1
        return self.cost


def test_equal_rows_are_one_product() -> None:
    reader = ProductReader(EUR)
    first = reader.read(Tea(), PAGE, {"number": 7})
    again = Tea()
    assert reader.read(again, PAGE, {"number": 7}) is first
    assert again.asked == 1, "its price may have changed: it is asked each time"


@pytest.mark.parametrize(
    ("told", "field", "expected"),
    [
        ({"cost": Decimal("5.20")}, "price", Decimal("5.20")),
        ({"cost": 5}, "price", Decimal(5)),
        ({"name": "Assam, second flush"}, "name", "Assam, second flush"),
        ({"brand": "Hill"}, "brand", "Hill"),
        ({"id": 8}, "id", "8"),
        ({"sale_price": Decimal("3.10")}, "price", Decimal("3.10")),
    ],
)
def test_what_a_row_tells_anew_is_believed(told: dict[str, Any], field: str, expected: Any) -> None:
    reader = ProductReader(EUR)
    before = reader.read(Tea(), PAGE, {"number": 7})
    after = reader.read(Tea(**told), PAGE, {"number": 7})
    assert getattr(before, field) != getattr(after, field) == expected
    assert reader.read(Tea(), PAGE, {"number": 7}) == before


def test_numbers_that_are_equal_but_no_price_are_no_price() -> None:
    reader = ProductReader(EUR)
    assert reader.read(Tea(cost=1), PAGE, {}, needs_price=True).price == 1
    with pytest.raises(InvalidValueError):
        reader.read(Tea(cost=True), PAGE, {}, needs_price=True)


def test_each_page_has_its_own_product() -> None:
    reader = ProductReader(EUR)
    row = SimpleNamespace(name="Assam", price=4)
    assert reader.read(row, PAGE, {"number": 7}).id == "7"
    assert reader.read(row, PAGE, {"number": 8}).id == "8"
    other = "https://tea.example/teas/8"
    assert reader.read(row, other, {"number": 7}).url == other


def test_what_holds_other_objects_is_read_each_time() -> None:
    reader = ProductReader(EUR)
    kind = SimpleNamespace(name="Tea")
    row = Tea(category=kind)
    assert reader.read(row, PAGE, {}).category == "Tea"
    kind.name = "Black tea"
    assert reader.read(row, PAGE, {}).category == "Black tea"


def test_a_picture_that_the_shop_signs_is_signed_each_time() -> None:
    signatures = iter(range(9))

    def signed(name: str) -> str:
        return f"https://pictures.example/{name}?signature={next(signatures)}"

    reader = ProductReader(Settings(image_base=signed))
    pictures = {reader.read(Tea(image="7.jpg"), PAGE, {}).image_url for _ in range(3)}
    assert len(pictures) == 3


def test_an_attribute_that_raises_is_asked_again() -> None:
    class Moody:
        id, name = 7, "Assam"
        moods = iter([ValueError("not now"), None])

        @property
        def brand(self) -> str:
            mood = next(self.moods)
            if mood:
                raise mood
            return "Hill"

    reader = ProductReader(EUR)
    assert [reader.read(Moody(), PAGE, {}).brand for _ in range(2)] == [None, "Hill"]


def test_markup_that_comes_later_fills_the_gaps_of_a_known_product() -> None:
    tea = Product(id="7", name="Assam", url=PAGE)
    told = '{"@type":"Product","sku":"7","name":"Assam","brand":"Hill"}'
    bare = b"<html><head></head><body>Assam</body></html>"
    described = bare.replace(
        b"</head>", f'<script type="application/ld+json">{told}</script></head>'.encode()
    )

    def seen(html: bytes) -> Any:
        return extract(html, PAGE, template_product=tea, charset="utf-8").product

    assert [seen(html).brand for html in (bare, bare, described, bare)] == [
        *(None, None),
        "Hill",
        None,
    ]


def test_who_named_the_product_stays_in_the_trace() -> None:
    tea = Product(id="7", name="Assam", url=PAGE)
    html = b"<html><body>Assam, once more</body></html>"
    by_template = extract(html, PAGE, template_product=tea)
    declared = extract(html, PAGE, declared=tea)
    assert {field.source for field in by_template.trace.fields} == {"template"}
    assert {field.source for field in declared.trace.fields} == {"declared"}
