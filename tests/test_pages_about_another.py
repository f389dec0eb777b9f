"""Pages whose template has a product, and that are about something else; and product pages.

A teaser in an article, the lamp of the week on every page, a mail that is written meanwhile: what
the address and the heading say tells the product page from them.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import render_template_string

from tests.shop import Shop, make_shop
from topmail_flask import product_page

LAMP: dict[str, Any] = {"id": 7, "name": "Arc Lamp", "price": "49.90", "currency": "EUR"}
LAMP["image"] = "arc.jpg"
NAME, PRICE = "{{ product.name }}", "{{ product.price }} EUR"
TEASER = f"<aside><a href=/lamps/7>{NAME}</a> {PRICE}</aside>"
PAGE = f"<h1>{NAME}</h1><p class=price>{PRICE}</p>"
CARD = f"<b>{NAME}</b> {PRICE}"


def page(body: str, title: str = "Lichthaus") -> str:
    return f"<!doctype html><title>{title}</title><header><a href=/>Lichthaus</a></header>{body}"


def shown_at(path: str, rule: str, template: str, **context: Any) -> list[str]:
    """The products that are looked at when a page of a shop is opened."""
    shop = make_shop(shopper="ann@shop.example")
    context = {"product": LAMP, **context}

    @shop.app.get(rule, endpoint="show")
    def show(**_: object) -> str:
        return render_template_string(template, **context)

    assert shop.get(path).status_code == 200
    return shop.looked_at


@pytest.mark.parametrize(
    ("path", "rule", "body", "title"),
    [
        ("/about", "/about", f"<h1>About us</h1>{TEASER}", "About us"),
        ("/about", "/about", "<h1>About us</h1>", "About us"),
        ("/about", "/about", f"<h1>About us</h1><h2>Our team</h2><h3>{NAME}</h3>", "About us"),
        ("/", "/", f"<h1>Welcome</h1>{TEASER}", "Lichthaus"),
        ("/login?next=/lamps/7", "/login", f"<h1>Log in</h1>{NAME}", "Log in | Lichthaus"),
        ("/blog/best", "/blog/<slug>", f"<h1>The best lamps</h1><h2>{NAME}</h2>", "The best lamps"),
        ("/blog/7", "/blog/<n>", f"<h1>The best lamps</h1>{TEASER}", "The best lamps"),
        ("/brands/lumo", "/brands/<slug>", f"<h1>Lumo</h1>{TEASER}", "Lumo | Lichthaus"),
        ("/pages/terms", "/pages/<slug>", f"<h1>Terms of sale</h1>{TEASER}", "Terms | Lichthaus"),
        ("/lamps/99", "/lamps/<n>", f"<h1>No such lamp</h1>Or {TEASER}", "Lichthaus"),
        ("/returns/7", "/returns/<n>", f"<h1>Return an item</h1>{CARD}", "Lichthaus"),
        ("/saved/7", "/saved/<n>", f"<h1>What you saved</h1>{CARD}", "Lichthaus"),
        ("/", "/", f"<h1>Lichthaus</h1><h2>Lamp of the week</h2>{CARD}", "Lichthaus"),
        ("/", "/", f"<h2>{NAME}</h2>{PRICE}", "Lichthaus"),
        ("/?utm_source=mail", "/", f"<section><h2>{NAME}</h2></section>", "Light | Lichthaus"),
        ("/lamps/7", "/lamps/<n>", "<h1>Are you over 18?</h1><button>Yes</button>", "Lichthaus"),
        ("/lamps/7", "/lamps/<n>", "<h2>Confirm your age</h2><button>Yes</button>", "Lichthaus"),
        ("/lamps/7", "/lamps/<n>", "<h1>Please log in</h1><input type=password>", "Log in"),
        ("/lamps/arc-lamp", "/lamps/<s>", "<h1>We are on holiday</h1>", "Holiday | Lichthaus"),
    ],
)
def test_a_page_about_something_else_is_no_view_of_the_product_in_its_template(
    path: str, rule: str, body: str, title: str
) -> None:
    assert shown_at(path, rule, page(body, title)) == []


@pytest.mark.parametrize(
    ("path", "rule", "body", "title"),
    [
        ("/arc-lamp", "/arc-lamp", PAGE, "Lichthaus"),
        ("/arc-lamp", "/arc-lamp", f"<h1>Lichthaus</h1>{CARD}", f"{NAME} | Lichthaus"),
        ("/arc-lamp", "/arc-lamp", f"<h1>Our shop</h1><h2>{NAME}</h2>{PRICE}", "Our shop"),
        ("/lamp-of-today", "/lamp-of-today", CARD, "Lichthaus"),
        ("/lamps/7", "/lamps/<n>", f"<h1>Light for everybody</h1>{CARD}", "Shop"),
        ("/lamps/arc-lamp", "/lamps/<s>", f"<h1>Light for everybody</h1>{CARD}", "Shop"),
        ("/lamps/7-arc.html", "/lamps/<s>", f"<h1>Light for everybody</h1>{CARD}", "Shop"),
        ("/lamps?id=7", "/lamps", f"<h1>Light for everybody</h1>{CARD}", "Shop"),
        ("/lamps/arc", "/lamps/<s>", f"<h1>Light for everybody</h1><h5>{NAME}</h5>", "Shop"),
        ("/lamps/bogenlampe", "/lamps/<s>", f"<h1>Bogenlampe</h1>{PRICE}", "Bogenlampe | Shop"),
        ("/lamps/x1", "/lamps/<s>", f"<h1>{NAME}, black</h1>{PRICE}", "Shop"),
        ("/lamps/x1", "/lamps/<s>", f"<h1>ARC LAMP</h1>{PRICE}", "Shop"),
        ("/lamps/x1", "/lamps/<s>", PRICE, "Shop"),
        ("/category/floor/7", "/category/<c>/<n>", f"<h1>Shop</h1><h2>{NAME}</h2>{PRICE}", "Shop"),
        ("/buy/arc-lamp", "/buy/<s>", PAGE, "Lichthaus"),
        ("/", "/", PAGE, "Lichthaus"),
        ("/", "/", f"<h1>Lichthaus</h1>{CARD}", f"{NAME} | Lichthaus"),
        ("/?id=7", "/", f"<h1>Lichthaus</h1>{CARD}", "Lichthaus"),
        ("/lamps/7", "/lamps/<n>", f"<h1>Bogenlampe</h1>{PRICE}", "Bogenlampe"),
        ("/lamps/7", "/lamps/<n>", "<h1>Bogenlampe</h1><b>53 $</b>", "Bogenlampe"),
        ("/lamps/7", "/lamps/<n>", "<h1>Bogenlampe</h1><img src=/arc.jpg>", "Bogenlampe"),
        ("/lamps/7", "/lamps/<n>", "<h1>Lichthaus</h1><div id=app></div>", "Lichthaus"),
        ("/lamps/7", "/lamps/<n>", "<h1>The arc</h1><script>show('Arc Lamp')</script>", "Shop"),
    ],
)
def test_a_product_page_is_known_by_its_address_or_its_heading(
    path: str, rule: str, body: str, title: str
) -> None:
    assert shown_at(path, rule, page(body, title)) == ["7"]


def test_a_name_that_is_longer_than_the_heading_is_the_headings() -> None:
    longer = {**LAMP, "name": "Arc Lamp, 180 cm"}
    assert shown_at("/l/x", "/l/<s>", page("<h1>Arc Lamp</h1>49.90"), product=longer) == ["7"]


def test_a_mark_outranks_the_heading() -> None:
    shop = make_shop(shopper="ann@shop.example")

    @shop.app.get("/lamp-of-the-week")
    @product_page
    def show() -> str:
        return render_template_string(page("<h1>This week</h1>"), product=LAMP)

    shop.get("/lamp-of-the-week")
    assert shop.looked_at == ["7"]


def drawn(shop: Shop, path: str, rule: str, heading: str, *ids: int, product: bool = False) -> None:
    """Open a page that is put together of several templates, one for each product."""

    @shop.app.get(rule)
    def show(**_: object) -> str:
        cards = [render_template_string(CARD, product={**LAMP, "id": n}) for n in ids]
        more = {"product": {**LAMP, "id": 7}} if product else {}
        return render_template_string(
            page(f"<h1>{heading}</h1>{{{{ cards }}}}"), cards=cards, **more
        )

    assert shop.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "rule", "heading", "ids", "product"),
    [
        ("/lamps/7", "/lamps/<n>", "Arc Lamp", (7,), False),
        ("/lamps/7", "/lamps/<n>", "Arc Lamp", (7, 8, 9), False),
        ("/lamps/7", "/lamps/<n>", "Arc Lamp", (8, 9), True),
    ],
)
def test_of_a_page_of_several_templates_the_address_tells_the_product(
    path: str, rule: str, heading: str, ids: tuple[int, ...], product: bool
) -> None:
    shop = make_shop(shopper="ann@shop.example")
    drawn(shop, path, rule, heading, *ids, product=product)
    assert shop.looked_at == ["7"]


@pytest.mark.parametrize(
    ("path", "rule", "heading", "ids"),
    [
        ("/c/7", "/c/<n>", "Floor lamps", (6, 7, 8)),
        ("/floor", "/floor", "Arc Lamp", (7, 8)),
        ("/search?q=7", "/search", "Arc Lamp", (7, 8)),
        ("/find?q=arc+lamp", "/find", "1 hit for arc lamp", (7,)),
        ("/thanks/7", "/thanks/<n>", "Thank you for the Arc Lamp", (7,)),
    ],
)
def test_a_list_that_is_drawn_card_by_card_is_no_view(
    path: str, rule: str, heading: str, ids: tuple[int, ...]
) -> None:
    shop = make_shop(shopper="ann@shop.example")
    drawn(shop, path, rule, heading, *ids)
    assert shop.looked_at == []


@pytest.mark.parametrize(
    ("path", "rule", "counts"),
    [
        ("/lamps/7/preview", "/lamps/<n>/preview", False),
        ("/lamps/7/qr", "/lamps/<n>/qr", False),
        ("/lamps/7/images/new", "/lamps/<n>/images/new", False),
        ("/lamps/arc-lamp/history", "/lamps/<slug>/history", False),
        ("/lamps/7/details", "/lamps/<n>/details", True),
        ("/lamps/7/amp", "/lamps/<n>/amp", True),
        ("/lamps/7/specs", "/lamps/<n>/specs", True),
        ("/lamps/7/gallery", "/lamps/<n>/gallery", True),
        ("/lamps/7/modal", "/lamps/<n>/modal", True),
        ("/lamps/7/de", "/lamps/<n>/de", True),
        ("/lamps/7/arc-lamp", "/lamps/<n>/<slug>", True),
        ("/shop/7/preview", "/shop/<n>/preview", True),
        ("/en/arc-lamp", "/<lang>/arc-lamp", True),
    ],
)
def test_what_lies_below_the_address_of_a_product_page_is_done_with_the_product(
    path: str, rule: str, counts: bool
) -> None:
    """The same page with no such page above it is the product's own."""
    shop = make_shop(shopper="ann@shop.example")
    shop.app.add_url_rule("/lamps/<int:number>", "lamp", lambda number: "")
    shop.app.add_url_rule("/<lang>", "home", lambda lang: "")
    shop.app.add_url_rule("/shop/<n>", "order", lambda n: "", methods=["POST"])
    shop.app.add_url_rule(rule, "x", lambda **_: render_template_string(page(PAGE), product=LAMP))
    assert shop.get(path).status_code == 200
    assert shop.looked_at == (["7"] if counts else [])


def test_another_address_of_the_product_page_s_own_view_is_no_part_of_it() -> None:
    shop = make_shop(shopper="ann@shop.example")

    @shop.app.get("/lamps/<n>")
    @shop.app.get("/lamps/<n>/beschreibung")
    def lamp(n: str) -> str:
        return render_template_string(page(PAGE), product={**LAMP, "id": n})

    shop.get("/lamps/7/beschreibung")
    shop.get("/lamps/8")
    assert shop.looked_at == ["7", "8"]
