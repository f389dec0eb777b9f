"""Pages with a product in their template that do not show it to a shopper."""

from __future__ import annotations

from decimal import Decimal

import pytest

from topmail_flask import Product
from topmail_flask.extraction.page_purpose import doubt_about, has_listing, is_edit_form
from topmail_flask.model.decision import GuessedProduct, ShopPrice
from topmail_flask.model.reasons import Reason

GUESS = GuessedProduct(
    Product(id="7", name="Green tea", price=Decimal(5), currency="EUR"),
    (ShopPrice(Decimal(5), "EUR", "price"),),
)


@pytest.mark.parametrize(
    ("rule", "endpoint"),
    [
        ("/admin/products/<n>", "x"),
        ("/Admin/products/<n>", "x"),
        ("/shop/admin/<n>", "x"),
        ("/dashboard/products/<n>", "x"),
        ("/product/<n>/edit", "x"),
        ("/products/<n>/delete", "x"),
        ("/seller/products/<n>/update", "x"),
        ("/product/<n>/review", "x"),
        ("/product/<n>/reviews", "x"),
        ("/invoice/<n>", "x"),
        ("/updateproduct/<n>", "x"),
        ("/edit-product/<n>", "x"),
        ("/cms/products/<n>", "x"),
        ("/producto/<n>/editar", "x"),
        ("/artikel/<n>/bearbeiten", "x"),
        ("/product_edit/<n>", "x"),
        ("/edit-<n>", "x"),
        ("/p/<n>", "edit_product"),
        ("/p/<n>", "editProduct"),
        ("/p/<n>", "admin.product"),
        ("/p/<n>", "shop_admin.show"),
        ("/p/<n>", "backoffice.detail"),
        ("/p/<n>", "ProductUpdateView"),
        ("/p/<n>", "review_product"),
        ("/p/<n>/write-review", "x"),
        ("/p/<n>/add-review", "x"),
        ("/p/<n>/rate", "x"),
        ("/rate/<n>", "x"),
        ("/p/<n>/publish", "x"),
        ("/p/<n>/stats", "x"),
        ("/p/<n>/images/upload", "x"),
        ("/adminpanel/p/<n>", "x"),
        ("/admin-panel/p/<n>", "x"),
        ("/produit/<n>/modifier", "x"),
        ("/produkt/<n>/loeschen", "x"),
        ("/gestion/produits/<n>", "x"),
        ("/painel/produtos/<n>", "x"),
        ("/restock/<n>", "x"),
    ],
)
def test_staff_work_on_products_here(rule: str, endpoint: str) -> None:
    doubt = doubt_about(rule, endpoint)
    assert (doubt.reason, doubt.needs_sign) == (Reason.BACK_OFFICE, False)


@pytest.mark.parametrize(
    ("rule", "needs_sign"),
    [
        ("/products/<n>/buy", False),
        ("/cart/remove/<n>", False),
        ("/cart/added/<n>", False),
        ("/orders/<n>", True),
        ("/checkout/<n>", False),
        ("/wishlist/<n>", False),
        ("/shop/cart/<n>", False),
        ("/add-to-cart/<n>", False),
        ("/carrito/<n>", False),
        ("/warenkorb", False),
        ("/account/orders/<n>", False),
        ("/commandes/<n>", True),
        ("/category/cart/<n>", True),
        ("/search/<n>", True),
        ("/category/<name>/<n>", True),
        ("/new/<slug>", True),
        ("/thank-you/<n>", False),
        ("/payment/<n>", False),
        ("/products/<n>/pay", False),
        ("/order-confirmation/<n>", False),
        ("/place-order/<n>", False),
        ("/buy-now/<n>", False),
        ("/my-cart/<n>", False),
        ("/add_to_cart/<n>", False),
        ("/addtocart/<n>", False),
        ("/danke/<n>", False),
        ("/returns/<n>", True),
        ("/favorites/<n>", True),
        ("/kaufen/<n>", True),
    ],
)
def test_words_of_buying_need_a_second_sign(rule: str, needs_sign: bool) -> None:
    doubt = doubt_about(rule, "x")
    assert (doubt.reason, doubt.needs_sign) == (Reason.BUYING, needs_sign)


@pytest.mark.parametrize(
    ("rule", "endpoint"),
    [
        ("/products/<slug>", "product"),
        ("/shop/order-<slug>", "shop.product"),
        ("/shop/order-of-the-phoenix", "book"),
        ("/create-your-own/<slug>", "create_your_own"),
        ("/books/administration-of-wine/<n>", "book"),
        ("/p/<n>", "product_with_reviews"),
        ("/newest/<n>", "x"),
        ("/account-books/<n>", "x"),
        ("/warenkorb-aus-weide/<n>", "x"),
        ("/staff-picks/<n>", "staff_picks"),
        ("/reports/<slug>", "report"),
        ("/archive/<slug>", "x"),
        ("/gift-baskets/<slug>", "x"),
        ("/<path:path>", "page"),
        (None, None),
    ],
)
def test_nothing_speaks_against_a_product_page(rule: str | None, endpoint: str | None) -> None:
    assert doubt_about(rule, endpoint).reason is None


def test_of_a_route_for_any_path_the_path_itself_speaks() -> None:
    assert doubt_about("/<path:p>", "page", "/admin/products/7").reason is Reason.BACK_OFFICE
    assert doubt_about("/<path:p>", "page", "/teas/admin").reason is None


@pytest.mark.parametrize(
    ("form", "is_edit"),
    [
        ("<input name=name value='Green tea'><input name=price value='5.00'>", True),
        ("<input name=name value='Green tea'><input name=price>", True),
        ("<textarea name=title>Green tea</textarea><input name=unit-price value=5>", True),
        (
            "<input type=hidden name=name value='Green tea'><input type=hidden name=price value=5>",
            0,
        ),
        ("<input name=name value='Green tea' readonly><input name=price value=5>", False),
        ("<input name=name value='Ann'><input name=price value=5>", False),
        ("<input name=product value='Green tea'><input name=wished_price value=4>", False),
        ("<input name=quantity value=1><button>Buy</button>", False),
        ("<input name=name value='Green tea'><input name=email>", False),
    ],
)
def test_a_form_for_name_and_price_edits_the_product(form: str, is_edit: bool) -> None:
    page = f"<form method=post>{form}</form>".encode()
    assert is_edit_form(page, GUESS) is bool(is_edit)
    assert not is_edit_form(page.replace(b"form", b"div"), GUESS)


def test_a_list_of_products_beside_it_is_a_listing() -> None:
    assert has_listing({"products": [1, 2]})
    assert not has_listing({"products": [1], "related_products": [1, 2]})
    assert not has_listing({"items": 5})
