"""A store that closes its database in ``after_request`` loses no view and gets no page broken."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, g, render_template_string, session

from tests.shop import TEA, Shop, make_shop
from topmail_flask import product_page

PAGE = "<h1>{{ product.name }}</h1>"


def closing_shop(*, loads_session: bool = True) -> Shop:
    """A store with a database of its own for each request, and pages that greet their shopper."""
    shop = make_shop()

    @shop.app.before_request
    def open_database() -> None:
        if loads_session:
            session.get("theme")
        g.db = sqlite3.connect(":memory:")
        g.db.execute("create table people (id, email, agreed, is_employee)")
        g.db.execute("insert into people values (1, 'ann@shop.example', 1, 0)")

    @shop.app.after_request
    def close_database(response: Response) -> Response:
        g.db.close()
        return response

    shop.app.secret_key = "k" * 32
    shop.app.add_url_rule("/tea", view_func=lambda: render_template_string(PAGE, product=TEA))
    shop.topmail.shopper_loader(lambda: asked("email"))
    return shop


def asked(column: str) -> Any:
    return g.db.execute(f"select {column} from people where id = 1").fetchone()[0]


def test_a_shopper_who_is_looked_up_there_is_known() -> None:
    shop = closing_shop()
    shop.topmail.consent(lambda: asked("agreed"))
    shop.topmail.exclude(lambda: asked("is_employee"))
    assert shop.get("/tea").status_code == 200
    ((product, shopper),) = shop.looks
    assert (product.id, shopper and shopper.email) == ("tea-1", "ann@shop.example")


def test_the_database_says_who_is_left_out_and_who_refused() -> None:
    for ask, reason in (("exclude", "excluded"), ("consent", "consent")):
        shop = closing_shop()
        getattr(shop.topmail, ask)(lambda ask=ask: asked("agreed" if ask == "exclude" else "0"))
        shop.get("/tea")
        assert shop.reasons == {reason: 1}


def test_a_marked_page_and_one_with_a_loader_of_its_own_count_as_well() -> None:
    shop = closing_shop()

    @shop.app.get("/a")
    @product_page
    def by_its_template() -> str:
        return render_template_string(PAGE, product=TEA)

    @shop.app.get("/b")
    @product_page(lambda: TEA)
    def by_a_loader() -> str:
        return render_template_string("<h1>Green tea</h1>")

    assert [shop.get(path).status_code for path in ("/a", "/b")] == [200, 200]
    assert [shopper and shopper.email for _, shopper in shop.looks] == ["ann@shop.example"] * 2


def test_a_page_that_loads_no_session_gets_no_vary_and_the_log_says_the_fix(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = closing_shop(loads_session=False)
    with caplog.at_level(logging.WARNING, "topmail_flask"):
        response = shop.get("/tea")
    assert (response.status_code, response.headers.get("Vary")) == (200, None)
    assert shop.reasons == {"hook_failed": 1}
    assert "teardown" in caplog.text


def test_a_listing_asks_nobody() -> None:
    shop = closing_shop()
    calls: list[int] = []
    shop.topmail.shopper_loader(lambda: calls.append(1))
    shop.app.add_url_rule("/", "list", lambda: render_template_string("x", products=[TEA, TEA]))
    shop.app.add_url_rule(
        "/admin/tea/edit", "edit", lambda: render_template_string(PAGE, product=TEA)
    )
    shop.get("/")
    shop.get("/admin/tea/edit")
    assert calls == []


def peewee_shop(close: str) -> tuple[Shop, Any, type[Any]]:
    """A store with Peewee's documented hooks; ``close``: ``after_request`` or ``teardown``."""
    peewee = pytest.importorskip("peewee", reason="Peewee is not installed")
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR"})
    database = peewee.SqliteDatabase(":memory:")
    hooks: dict[str, Callable[..., Any]] = {
        "after_request": shop.app.after_request,
        "teardown": shop.app.teardown_request,
    }

    class Tea(peewee.Model):  # type: ignore[misc, name-defined]
        name, price, buyer = peewee.CharField(), peewee.FloatField(), peewee.CharField()

        class Meta:
            pass

    Tea.bind(database)

    @shop.app.before_request
    def connect() -> None:
        database.connect()
        database.create_tables([Tea])
        Tea.create(name="Green", price=9.5, buyer="ann@shop.example")

    @hooks[close]
    def disconnect(answer: Any) -> Any:
        database.close()
        return answer

    return shop, database, Tea


@pytest.mark.parametrize("close", ["after_request", "teardown"])
@pytest.mark.parametrize("part", ["shopper", "product", "veto", "consent"])
def test_functions_of_the_shop_leave_no_connection_of_peewee_open(close: str, part: str) -> None:
    shop, database, tea = peewee_shop(close)

    def ask(*_: object) -> Any:
        return list(tea.select()) and (TEA if part == "product" else None)

    topmail, show = shop.topmail, lambda: render_template_string(PAGE, product=TEA)
    if part == "product":
        shop.app.add_url_rule("/tea", view_func=product_page(ask)(show))
    else:
        shop.app.add_url_rule("/tea", view_func=show)
        topmail.shopper_loader(lambda: "ann@shop.example" if part != "shopper" else ask())
    if part in ("consent", "veto"):
        {"consent": topmail.consent, "veto": topmail.before_send}[part](ask)
    for _ in range(2):
        assert shop.get("/tea").status_code == 200
        assert database.is_closed()
