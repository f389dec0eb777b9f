"""A line of the journal: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.entry_making import EMAIL, NOW, entry
from topmail_flask.delivery.entry import BODY_LIMIT, Entry
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper

PRODUCT = Product(
    id="p1", name='Lamp "Ö" ,"body":', url="https://a.example/", price=Decimal(9), currency="EUR"
)


def test_a_view_comes_back_from_its_line_with_the_names_of_the_shopper() -> None:
    shopper = Shopper(email=EMAIL, first_name='Ada ,"body":', last_name="Lovelace")
    view = ProductView(PRODUCT, shopper, viewed_at=NOW, session_id="s1")
    written = replace(Entry.of(view, identity="i"), repeat="r")
    read = Entry.from_line(written.to_line())
    assert read == written
    assert read.event() == view
    assert read.body == view.body_bytes()


def test_a_line_is_one_line_of_json() -> None:
    line = entry(first_name="Ada").to_line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["body"]["product_id"] == "p0"


@given(st.data())
def test_every_damaged_byte_is_noticed(data: st.DataObject) -> None:
    line = bytearray(entry().to_line())
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"torn|entry|line"):
        Entry.from_line(bytes(line))


@given(st.binary(max_size=300))
def test_garbage_is_never_an_entry(line: bytes) -> None:
    with pytest.raises(ValueError, match="torn"):
        Entry.from_line(line)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "other"},
        {"key": ""},
        {"key": 'a"b'},
        {"identity": "a b"},
        {"at": float("nan")},
        {"at": -1.0},
        {"at": True},
        {"body": b"a\nb"},
        {"body": b"x" * (BODY_LIMIT + 1)},
    ],
)
def test_an_entry_that_cannot_be_right_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="entry"):
        entry(**wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"not json",
        b"[" * 60_000,
        b'{"email":"a@b.example","product_id":"1","product_name":"n","product_url":"https://a.example/","x":1}',
        b'{"email":"a@b.example","product_id":"1","product_name":"n","product_url":"javascript:1"}',
        b'{"email":7,"product_id":"1","product_name":"n","product_url":"https://a.example/"}',
    ],
)
def test_a_body_that_is_no_view_is_refused(body: bytes) -> None:
    # F100
    with pytest.raises(ValueError):  # noqa: PT011  # the domain words it
        entry(body=body).event()


def test_nothing_about_the_shopper_is_in_a_repr() -> None:
    assert EMAIL not in repr(entry(first_name="Ada"))
