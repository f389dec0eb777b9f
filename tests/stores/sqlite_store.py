"""A store on plain rows of the DB-API, tuples as they come; its pages are streamed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from flask import Flask, g, redirect, session, stream_template_string
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built
from topmail_flask import product_page

SHOWN = """<!doctype html><title>{{ data[1] }}</title><h1>{{ data[1] }}</h1>
<img src="/static/uploads/{{ data[3] }}"><b>Rs {{ data[2] }}</b>{{ session.get('email') }}"""
CARDS = "{% for data in rows %}<h2>{{ data[1] }}</h2>Rs {{ data[2] }}{% endfor %}"


def store(place: Path) -> Built:
    app = Flask("spices")
    app.secret_key = "k" * 32
    queries: list[str] = []
    app.config["IS_OPEN"] = False

    def connection() -> sqlite3.Connection:
        if "db" not in g:
            g.db = sqlite3.connect(place / "spices.db")
            g.db.set_trace_callback(queries.append)
            app.config["IS_OPEN"] = True
        return g.db  # type: ignore[no-any-return]

    @app.teardown_appcontext
    def close(_: Any) -> None:
        if "db" in g:
            g.pop("db").close()
            app.config["IS_OPEN"] = False

    with app.app_context():
        rows = connection()
        rows.execute("create table spices (id, name, price, image, stock)")
        rows.execute("insert into spices values (1, 'Cumin', 120, 'cumin.jpg', 3)")
        rows.execute("insert into spices values (2, 'Saffron', 1250, 'saffron.jpg', 0)")
        rows.commit()

    @app.get("/login")
    def login() -> Answer:
        session["email"] = "ann@shop.example"
        return redirect("/")

    def row(number: int) -> tuple[Any, ...]:
        found = connection().execute("select * from spices where id = ?", [number]).fetchone()
        return tuple(found)

    @app.get("/productDescription/<int:number>")
    @product_page("data", fields={"id": 0, "name": 1, "price": 2, "image_url": 3})
    def description(number: int) -> Any:
        return stream_template_string(SHOWN, data=row(number))

    @app.get("/")
    def home() -> Any:
        rows = connection().execute("select * from spices").fetchall()
        return stream_template_string(CARDS, rows=rows)

    @app.get("/removeItem/<int:number>")
    def remove(number: int) -> Any:
        return stream_template_string(SHOWN, data=row(number))

    return Built(
        app,
        {
            "/productDescription/1": {"id": "1", "name": "Cumin", "price": 120, "currency": "INR"},
            "/productDescription/2": {"id": "2", "name": "Saffron", "price": 1250},
        },
        ("/", "/removeItem/1"),
        queries,
        lambda: bool(app.config["IS_OPEN"]),
        {"TOPMAIL_CURRENCY": "INR"},
    )
