"""A Product is right for ever, or is not born."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        (0, "0"),
        (123, "123"),
        (12.0, "12"),
        (Decimal(7), "7"),
        ("  tea-1 ", "tea-1"),
        ("../x", "../x"),
        ("é" * 100, "é" * 100),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_an_id_is_kept_as_text(given_id: object, kept: str) -> None:  # F141
    assert Product(given_id, "Tea").id == kept  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    ["", " ", None, True, "x" * 101, "a\x00b", "a\nb", 1.5, float("nan"), [1], "\ud800"],
)
def test_an_id_is_never_guessed_or_cut(wrong: object) -> None:  # F140, F141
    with pytest.raises(InvalidValueError) as caught:
        Product(wrong, "Tea")  # type: ignore[arg-type]
    assert caught.value.field == "id"


def test_a_number_of_5000_digits_is_refused_like_any_other() -> None:  # F120
    huge = 10**5000
    with pytest.raises(InvalidValueError, match="id"):
        Product(huge, "Tea")  # type: ignore[arg-type]
    assert Product.from_fields(
        {"id": 1, "name": "Tea", "price": huge, "currency": "EUR"}
    ) == Product("1", "Tea")


def test_a_long_name_is_cut_on_a_word_with_an_ellipsis() -> None:
    name = Product(1, "Lovely teapot " * 400).name  # type: ignore[arg-type]
    assert len(name) <= 200
    assert name.endswith(("teapot…", "Lovely…"))


@pytest.mark.parametrize("grapheme", ["👩‍👩‍👧‍👦", "👍🏽", "e\u0301\u0302", "🇩🇪", "✌️"])
def test_a_name_without_spaces_is_cut_between_two_graphemes(grapheme: str) -> None:  # F140
    name = Product("1", grapheme * 201).name
    assert len(name) <= 200
    kept = name.removesuffix("…")
    assert kept == unicodedata.normalize("NFC", grapheme) * (
        len(kept) // len(unicodedata.normalize("NFC", grapheme))
    )


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (" Green \n\t tea ", "Green tea"),
        ("Tea\x00\x07", "Tea"),
        ("Tea\ud800", "Tea"),
        ("\u202eeaT", "eaT"),
        ("קפה ☕️", "קפה ☕️"),
    ],
)
def test_a_name_is_clean_text(dirty: str, clean: str) -> None:  # F142, R54
    assert Product("1", dirty).name == clean


@pytest.mark.parametrize(
    ("price", "kept"),
    [
        (Decimal("9.99"), "9.99"),
        (9.99, "9.99"),
        (12, "12"),
        ("9.90", "9.90"),
        (-0.0, "0.0"),
        (0, "0"),
    ],
)
def test_a_price_is_a_decimal(price: object, kept: str) -> None:  # F138
    product = Product("1", "Tea", price=price, currency="eur")  # type: ignore[arg-type]
    assert str(product.price) == kept
    assert product.currency == "EUR"


@pytest.mark.parametrize(
    "wrong",
    [
        *(float("nan"), float("inf"), -1, "12,50", "1.234,50", "$12", "", True, Fraction(1, 3)),
        *(1e308, "9" * 5000, "NaN", "1e3", Decimal("sNaN"), object()),
    ],
)
def test_a_price_that_is_none_is_refused_but_costs_only_itself(wrong: object) -> None:  # F138
    with pytest.raises(InvalidValueError, match="price"):
        Product("1", "Tea", price=wrong, currency="EUR")  # type: ignore[arg-type]
    rejected: dict[str, str] = {}
    kept = Product.from_fields(
        {"id": 1, "name": "Tea", "price": wrong, "currency": "EUR"}, rejected
    )
    assert kept == Product("1", "Tea")
    assert set(rejected) == {"price"}


def test_a_price_needs_its_currency() -> None:
    with pytest.raises(InvalidValueError, match="currency"):
        Product("1", "Tea", price=Decimal(5))
    assert Product.from_fields({"id": 1, "name": "Tea", "price": 5}).price is None
    assert Product("1", "Tea", currency="EUR").currency is None


@pytest.mark.parametrize("wrong", ["US", "USDD", "€", "12X", "", 5])
def test_a_currency_is_a_three_letter_code(wrong: object) -> None:  # F139
    with pytest.raises(InvalidValueError, match="currency"):
        Product("1", "Tea", price=5, currency=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://shop.example/a b", "https://shop.example/a%20b"),
        ("HTTPS://Shop.Example/A", "https://shop.example/A"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://me:pw@shop.example:8443/x", "https://shop.example:8443/x"),
        ("https://shop.example/x?a=1&b=%20#part", "https://shop.example/x?a=1&b=%20"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("https://shop.example/x?" + "q" * 10_000, "https://shop.example/x"),
    ],
)
def test_an_address_is_absolute_and_ascii(address: str, kept: str) -> None:  # F143
    assert Product("1", "Tea", url=address).url == kept


@pytest.mark.parametrize(
    "wrong",
    [
        *("javascript:alert(1)", "data:image/png;base64,AA", "//shop.example/x", "/x", "x.png", ""),
        *("https://", "https://shop.example\\@evil.example/", "https://shop.example/\r\nX: y"),
        *("https://shop example/", "https://shop.example:99999999/", "ftp://shop.example/x"),
        "https://shop.example/" + "x" * 3000,
    ],
)
def test_no_other_address_is_taken(wrong: str) -> None:  # F143
    for field in ("url", "image_url"):
        with pytest.raises(InvalidValueError):
            Product("1", "Tea", **{field: wrong})  # type: ignore[arg-type]


def test_labels_are_cut_and_a_long_sku_costs_only_itself() -> None:  # R56
    kept = Product.from_fields(
        {"id": 1, "name": "Tea", "brand": "b " * 90, "category": "c" * 101, "sku": "s" * 101}
    )
    assert kept.brand is not None
    assert kept.category is not None
    assert len(kept.brand) <= 100
    assert len(kept.category) <= 100
    assert kept.category.endswith("…")
    assert kept.sku is None


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals(), st.binary(),
    st.lists(st.text()), st.dictionaries(st.text(), st.text()), st.fractions(),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(Product.__slots__), ANYTHING))
def test_whatever_a_shop_hands_over_is_a_right_product_or_an_invalid_value(
    fields: dict[str, object],
) -> None:
    try:
        product = Product.from_fields(fields)
    except InvalidValueError as error:
        if error.field not in ("id", "name"):
            raise
        return
    assert 1 <= len(product.id) <= 100
    assert 1 <= len(product.name) <= 200
    assert (product.price is None) == (product.currency is None)
    assert product == Product(*(getattr(product, field) for field in Product.__slots__))


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_no_identifier(number: str) -> None:
    with pytest.raises(InvalidValueError, match="whole number"):
        Product.from_fields({"id": Decimal(number), "name": "Tea"})
