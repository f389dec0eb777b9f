"""Who saw what, and what is sent about it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper

TEA = Product("tea-1", "Green tea", url="https://shop.example/tea")


@pytest.mark.parametrize(
    ("given_address", "kept"),
    [
        ("  ann@shop.example ", "ann@shop.example"),
        ("Ann.Lee@SHOP.Example", "Ann.Lee@shop.example"),
        ("ännchen@shop.example", "ännchen@shop.example"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BU\u0308CHER.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("ann@почта。рф", "ann@xn--80a1acny.xn--p1ai"),
        ("ann@xn--80a1acny.xn--p1ai", "ann@xn--80a1acny.xn--p1ai"),
        ("ann+tea@shop.co.uk", "ann+tea@shop.co.uk"),
    ],
)
def test_an_address_is_trimmed_and_its_domain_is_as_dns_knows_it(
    given_address: str, kept: str
) -> None:
    assert Shopper(given_address).email == kept  # F145


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            " ",
            "ann",
            "ann@",
            "@shop.example",
            "a@b@shop.example",
            "ann@shop",
            "a b@shop.example",
        ),
        *("ann@shop..example", "ann@shop.example\r\nBcc: x@y.example", "x" * 290 + "@shop.example"),
        *("ann@shop.example\u200b", "an\u200bn@shop.example", "ann@sh\u00adop.example"),
        *("\ufeffann@shop.example", "ann@\u202eshop.example", "ann@shop\u2060.example"),
        *("ann@shop.invalid", "ann@localhost", "ann@mail.localhost", "ann@SHOP.Invalid"),
        *("ann@1.2.3.4", "ann@[1.2.3.4]", "ann@-a.example", "ann@a_b.example", "a\x00@b.example"),
        *("ann@" + "ü" * 70 + ".example", "ann@\ud800.example", "ann@shop.e"),
        *("<ann@shop.example>", "ann@shop.example, bob@shop.example", ["ann@shop.example"], 5),
    ],
)
def test_what_is_no_address_is_no_shopper(wrong: object) -> None:  # F145
    with pytest.raises(InvalidValueError):
        Shopper(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("ann@example.com", False),
        ("ann@Example.ORG", False),
        ("ann@mail.example.net", False),
        ("ann@myexample.com", True),
        ("ann@example.co.uk", True),
        ("ann@shop.example", True),
    ],
)
def test_no_contact_is_made_of_an_address_of_documentation(address: str, may: bool) -> None:
    assert Shopper(address).may_become_contact is may
    assert not Shopper(contact_id="c-1").may_become_contact


def test_a_shopper_needs_an_address_or_an_id_and_the_id_wins() -> None:  # F146
    with pytest.raises(InvalidValueError, match="email or a contact_id"):
        Shopper()
    both = Shopper("ann@shop.example", "c-1")
    assert ProductView(TEA, both).body()["contact_id"] == "c-1"
    assert "email" not in ProductView(TEA, both).body()


def test_nothing_about_a_shopper_shows_in_a_repr() -> None:
    shopper = Shopper("ann@shop.example", first_name="Ann")
    assert "ann" not in f"{shopper!r} {ProductView(TEA, shopper)!r}".casefold()


def test_a_body_has_what_is_known_and_nothing_else() -> None:  # F148
    view = ProductView(TEA, Shopper("ann@shop.example"))
    assert view.body() == {
        "email": "ann@shop.example",
        "product_id": "tea-1",
        "product_name": "Green tea",
        "product_url": "https://shop.example/tea",
    }


@pytest.mark.parametrize(
    ("price", "sent"),
    [("99.99", b"99.99"), ("24990", b"24990"), ("0.10", b"0.1"), ("1234567.891", b"1234567.891")],
)
def test_a_price_is_sent_as_the_number_that_it_is(price: str, sent: bytes) -> None:  # R47
    product = Product("1", "Tea", "https://shop.example/", price=Decimal(price), currency="EUR")
    body = ProductView(product, Shopper("ann@shop.example")).body_bytes()
    assert b'"price":' + sent + b"," in body
    assert json.loads(body)["currency"] == "EUR"


def test_a_view_can_be_read_back_from_its_body() -> None:
    product = Product(
        *("1", "Tea", "https://shop.example/", "v", "https://shop.example/i.png"),
        *(Decimal("9.5"), "EUR", "Drinks", "Leaf", "sku-1"),
    )
    view = ProductView(product, Shopper("ann@shop.example"), session_id="s")
    body = json.loads(view.body_bytes())
    assert ProductView.from_body(body, key=view.key, viewed_at=view.viewed_at) == view


def test_an_anonymous_view_cannot_be_sent_and_a_view_needs_an_address() -> None:
    with pytest.raises(InvalidValueError, match="shopper"):
        ProductView(TEA).body()
    with pytest.raises(InvalidValueError, match="url"):
        ProductView(Product("1", "Tea"))


def test_each_view_has_a_key_of_its_own() -> None:
    assert len({ProductView(TEA).key for _ in range(100)}) == 100
