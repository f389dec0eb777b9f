"""A store on Flask-SQLAlchemy and Flask-Login whose pages Flask-Caching keeps; htmx quick views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, redirect, render_template_string, request
from flask_caching import Cache
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built
from topmail_flask import product_page

SHOWN = """<!doctype html><title>{{ product.name }}</title><h1>{{ product.name }}</h1>
<img src="/uploads/{{ product.image_file }}"><p class="price">{{ product.price }} kr</p>
<button hx-get="/product/{{ product.id }}/quick">Quick view</button>"""
QUICK = "<div class=modal><h2>{{ product.name }}</h2>{{ product.price }} kr</div>"


def store(place: Path) -> Built:
    app = Flask("wool")
    app.config.update(
        SECRET_KEY="k" * 32,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{place}/wool.db",
        CACHE_TYPE="SimpleCache",
    )
    db, cache, login_manager = SQLAlchemy(app), Cache(app), LoginManager(app)

    class User(UserMixin, db.Model):
        id, email = db.Column(db.Integer, primary_key=True), db.Column(db.String)
        is_admin = db.Column(db.Boolean, default=False)

    class Product(db.Model):
        id, name = db.Column(db.Integer, primary_key=True), db.Column(db.String)
        price, image_file = db.Column(db.Numeric(10, 2)), db.Column(db.String)

    queries: list[str] = []
    with app.app_context():
        db.create_all()
        db.session.add_all(
            [User(email="ann@shop.example"), User(email="boss@shop.example", is_admin=True)]
        )
        db.session.add(Product(name="Merino", price=129, image_file="merino.jpg"))
        db.session.commit()
        event.listen(db.engine, "before_cursor_execute", lambda *told: queries.append(told[2]))
        engine: Any = db.engine
    login_manager.user_loader(lambda number: db.session.get(User, number))

    @app.get("/login")
    def login() -> Answer:
        login_user(db.session.get(User, request.args.get("user", 1)))
        return redirect("/")

    @app.get("/product/<int:number>")
    @product_page(lambda number: db.session.get(Product, number))
    @cache.cached(timeout=60)
    def show(number: int) -> str:
        return render_template_string(SHOWN, product=db.session.get(Product, number))

    @app.get("/product/<int:number>/quick")
    def quick(number: int) -> str:
        return render_template_string(QUICK, product=db.session.get(Product, number))

    @app.get("/product/<int:number>/update")
    @login_required
    def update(number: int) -> str:
        return render_template_string(
            SHOWN + "{{ current_user.email }}", product=db.session.get(Product, number)
        )

    @app.get("/")
    @cache.cached(timeout=60)
    def home() -> str:
        return render_template_string("{{ products|length }} kinds", products=Product.query.all())

    @app.get("/account")
    def account() -> str:
        return render_template_string("{{ user.email }}", user=current_user)

    return Built(
        app,
        {"/product/1": {"id": "1", "name": "Merino", "price": 129, "currency": "SEK"}},
        ("/", "/account", "/product/1/update"),
        queries,
        lambda: engine.pool.checkedout() > 0,
        {"TOPMAIL_CURRENCY": "SEK"},
        loads=("/product/1",),
        close=engine.dispose,
    )
