"""A store on SQLAlchemy is tracked with no line, and no query of ours (F132, F134)."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Response, jsonify, render_template_string
from flask_login import LoginManager, UserMixin, login_user
from sqlalchemy.orm import Mapped, mapped_column

from tests.orm_shop import Article, Base, orm_shop
from tests.test_five_stores import CARDS, PAGE, only_look
from topmail_flask import product_page
from topmail_flask.cli.doctor_store import BROWSER
from topmail_flask.core import core_of


def test_a_store_with_relations_needs_no_line_and_costs_no_query(tmp_path: Path) -> None:
    shop, db, statements = orm_shop(tmp_path)

    @shop.app.get("/<slug>")
    def show(slug: str) -> str:
        found = db.session.execute(db.select(Article).filter_by(slug=slug)).scalar()
        return render_template_string(PAGE + "{{ product.category.name }}", product=found)

    @shop.app.get("/")
    def listing() -> str:
        return render_template_string(CARDS, products=db.session.scalars(db.select(Article)))

    seen = only_look(shop, "/green", "/")
    assert (seen.id, seen.name, seen.price, seen.category) == ("1", "green tea", 9, "Teas")
    assert seen.image_url == "http://localhost/media/t.png"
    assert len(statements) == 3, "the product, its category, the listing: none of ours"


@pytest.mark.parametrize("marked", [True, False])
def test_a_commit_before_or_after_the_page_loses_no_view(tmp_path: Path, marked: bool) -> None:
    shop, db, statements = orm_shop(tmp_path)

    def show() -> str:
        found = db.session.get(Article, 1)
        db.session.commit()
        return render_template_string(PAGE, product=found)

    @shop.app.after_request
    def log_visit(response: Response) -> Response:
        db.session.commit()
        return response

    shop.app.add_url_rule("/tea", view_func=product_page()(show) if marked else show)
    assert only_look(shop, "/tea").id == "1"
    assert len(statements) == 2, "the view's own, and the page's after the commit"


@pytest.mark.parametrize("early", [True, False])
def test_a_row_tracked_before_or_after_a_commit_is_read_once_it_is_loaded(
    tmp_path: Path, early: bool
) -> None:
    shop, db, statements = orm_shop(tmp_path, product_url="https://tea.example/p/{id}")

    @shop.app.get("/quick")
    def quick() -> Response:
        found = db.session.get(Article, 1)
        if early:
            shop.topmail.track(found)
        db.session.commit()
        if not early:
            shop.topmail.track(found)
        return jsonify(name=found.name if found else "")

    seen = only_look(shop, "/quick")
    assert (seen.id, seen.url) == ("1", "https://tea.example/p/1")
    assert len(statements) == 2


class Member(Base, UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    __tablename__ = "member"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]


@pytest.mark.parametrize("way", ["unmarked", "marked", "tracked"])
@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_what_a_store_does_to_its_session_after_the_page_costs_no_query(
    tmp_path: Path, way: str, end: str
) -> None:
    shop, db, statements = orm_shop(tmp_path, product_url="https://tea.example/p/{id}")
    core_of(shop.app).hooks.shopper_loader = None  # Flask-Login tells who it is
    shop.app.secret_key = "of the shop"
    LoginManager(shop.app).user_loader(lambda key: db.session.get(Member, int(key)))
    with shop.app.app_context():
        db.session.add(Member(id=7, email="ann@shop.example"))
        db.session.commit()

    @shop.app.get("/log-in")
    def log_in() -> str:
        login_user(db.session.get(Member, 7))
        return "welcome"

    def show() -> str:
        found = db.session.get(Article, 1)
        if way == "tracked":
            shop.topmail.track(found)
            return "<title>tea</title>"
        return render_template_string(PAGE, product=found)

    @shop.app.after_request
    def end_session(response: Response) -> Response:
        getattr(db.session, end)()
        return response

    shop.app.add_url_rule("/tea", view_func=product_page()(show) if way == "marked" else show)
    browser = shop.app.test_client()
    browser.get("/log-in")
    statements.clear()
    browser.get("/tea", headers={"User-Agent": BROWSER})
    assert [shopper and shopper.email for _, shopper in shop.looks] == ["ann@shop.example"]
    assert len(statements) == 2, f"the product and the user: {statements}"
