"""A store on Pony: entities of one session for each request, categories in the address."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from flask import Flask, g, redirect, render_template_string, session
from pony.flask import Pony
from pony.orm import Database, Optional, PrimaryKey, Required, Set, db_session, select
from pony.orm.core import local
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built

SHOWN = """<!doctype html><title>{{ item.title }} - Books</title><h1>{{ item.title }}</h1>
<img alt="" src="/covers/{{ item.cover }}.jpg"><p>{{ item.shelf.name }}</p>
<p>Price: £{{ item.price }}</p><p>{{ g.user.mail if g.user }}</p>"""
CARDS = "{% for item in items %}<h2>{{ item.title }}</h2>£{{ item.price }}{% endfor %}"


def store(place: Path) -> Built:
    app = Flask("books")
    app.secret_key = "k" * 32
    db = Database()

    class Shelf(db.Entity):
        id = PrimaryKey(int, auto=True)
        name = Required(str)
        books = Set("Book")

    class Book(db.Entity):
        id = PrimaryKey(int, auto=True)
        title = Required(str)
        price = Required(Decimal)
        cover = Required(str)
        shelf = Required(Shelf)
        authors = Set("Author")
        publisher = Optional("Publisher")

    class Author(db.Entity):
        name = Required(str)
        books = Set(Book)

    class Publisher(db.Entity):
        name = Required(str)
        books = Set(Book)

    class Reader(db.Entity):
        mail = Required(str)

    db.bind(provider="sqlite", filename=str(place / "books.db"), create_db=True)
    db.generate_mapping(create_tables=True)
    with db_session:
        poems = Shelf(name="Poems")
        Book(title="Leaves", price=Decimal("9.50"), cover="leaves", shelf=poems,
             publisher=Publisher(name="Press"))  # fmt: skip
        Book(title="Waves", price=Decimal("1200.00"), cover="waves", shelf=poems)
        Reader(mail="ann@shop.example")
    queries: list[str] = []
    execute = db._exec_sql
    db._exec_sql = lambda sql, *a, **k: queries.append(sql) or execute(sql, *a, **k)
    Pony(app)

    @app.before_request
    def load() -> None:
        g.user = Reader.get(id=session["reader"]) if "reader" in session else None

    @app.get("/login")
    def login() -> Answer:
        session["reader"] = 1
        return redirect("/")

    @app.get("/category/<shelf>/<int:number>")
    def show(shelf: str, number: int) -> str:
        return render_template_string(SHOWN, item=Book[number])

    @app.get("/")
    @app.get("/category/<shelf>")
    def listing(shelf: str = "") -> str:
        return render_template_string(CARDS, items=list(select(book for book in Book)))

    @app.get("/wishlist/<int:number>")
    def wishlist(number: int) -> str:
        return render_template_string("<p>{{ item.title }} is on your list", item=Book[number])

    @app.get("/book/<int:number>/edit")
    def change(number: int) -> str:
        return render_template_string(SHOWN, item=Book[number])

    covers = "https://shop.example/covers/"
    return Built(
        app,
        {
            "/category/poems/1": {"id": "1", "name": "Leaves", "price": 9.5, "currency": "GBP",
                                  "image_url": covers + "leaves.jpg"},
            "/category/poems/2": {"id": "2", "price": 1200, "image_url": covers + "waves.jpg"},
        },
        ("/", "/category/poems", "/wishlist/1", "/book/1/edit"),
        queries,
        lambda: local.db_session is not None,
        {"TOPMAIL_CURRENCY": "GBP"},
        close=db.disconnect,
    )  # fmt: skip
