"""The identifiers that the objects of stores carry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.extraction.objects import read
from topmail_flask.model.errors import InvalidValueError


class ObjectId:
    """As MongoDB's: no text, but written as one."""

    def __str__(self) -> str:
        return "507f1f77bcf86cd799439011"


class Unwritten:
    """An object that says nothing of itself."""


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        (0, "0"),
        (123, "123"),
        (-1, "-1"),
        (7.0, "7"),
        (Decimal(7), "7"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (" red-lamp ", "red-lamp"),
        ("../x", "../x"),
        ("é" * 100, "é" * 100),
        (ObjectId(), "507f1f77bcf86cd799439011"),
    ],
)
def test_an_identifier_is_sent_as_it_is(value: object, identifier: str) -> None:
    """F141."""
    product = read({"id": value, "name": "Lamp", "sku": value}, view_args={"slug": "other"})
    assert (product.id, product.sku) == (identifier, identifier)


def test_a_document_of_mongodb_has_its_id_under_an_underscore() -> None:
    document = {"_id": ObjectId(), "name": "Lamp", "slug": "lamp"}
    assert read(document, view_args={"slug": "lamp"}).id == "507f1f77bcf86cd799439011"


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", True, 7.5, float("nan"), float("inf"), Decimal("NaN"), [7], b"7"),
        *(Unwritten(), "None", "null", "undefined"),
    ],
)
def test_what_is_no_identifier_makes_way_for_the_next(value: object) -> None:
    """F141."""
    shown = {"id": value, "name": "Lamp", "slug": "lamp", "sku": value}
    assert (read(shown).id, read(shown).sku) == ("lamp", None)
    with pytest.raises(InvalidValueError):
        read({"id": value, "name": "Lamp"})


@pytest.mark.parametrize("nothing", ["None", "null", "N/A", "-"])
def test_what_is_written_where_there_is_nothing_is_no_brand_and_no_category(nothing: str) -> None:
    product = read({"id": 7, "name": "Lamp", "brand": nothing, "category": {"name": nothing}})
    assert (product.brand, product.category) == (None, None)


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "\ud800", "x" * 101, "9" * 5000])
def test_an_identifier_is_never_cut_or_cleaned(value: Any) -> None:
    """F140, F142: half an identifier is another product."""
    with pytest.raises(InvalidValueError) as raised:
        read({"id": value, "name": "Lamp", "slug": "lamp"})
    assert raised.value.field == "id"
    rejected: dict[str, str] = {}
    assert read({"id": 7, "name": "Lamp", "sku": value}, rejected=rejected).sku is None
    assert list(rejected) == ["sku"]


def test_names_are_cleaned_and_cut() -> None:
    """F140, F142."""
    assert read({"id": 7, "name": "La\x00mp\u202e \n\ud800 x"}).name == "Lamp x"
    cut = read({"id": 7, "name": "word " * 2_000_000, "brand": "b" * 200})
    assert len(cut.name) <= 200
    assert len(cut.brand or "") == 100
    assert cut.name.endswith("…")
