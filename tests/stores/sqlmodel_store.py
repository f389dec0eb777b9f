"""A store on SQLModel: several variables in each template, sale prices, orders in the address."""

from pathlib import Path
from typing import Any

from flask import Flask, redirect, render_template_string, session
from sqlalchemy import event
from sqlalchemy.pool import QueuePool
from sqlmodel import Field, Relationship, Session, SQLModel, create_engine, select
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built

SHOWN = """<!doctype html><title>{{ product.name }}</title>
<header>Cart: {{ cart|length }} items, {{ cart_total }} €</header><h1>{{ product.name }}</h1>
<img src="/static/shop/{{ product.image }}">
{% if product.sale_price %}<del>{{ product.price }} €</del> <ins>{{ product.sale_price }} €</ins>
{% else %}<span class="amount">{{ product.price }} €</span>{% endif %}
<h2>You may also like</h2>{% for item in related %}<h3>{{ item.name }}</h3>
{{ item.price }} €{% endfor %}
{% for variant in product.variants %}<option>{{ variant.name }}</option>{% endfor %}"""
ADDED = "<h1>{{ product.name }} was added</h1><p>{{ product.price }} €</p>"


class Lamp(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    price: float
    sale_price: float | None = None
    image: str
    variants: list["Variant"] = Relationship(back_populates="lamp")


class Variant(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    lamp_id: int = Field(foreign_key="lamp.id")
    lamp: Lamp = Relationship(back_populates="variants")


def store(place: Path) -> Built:
    app = Flask("lamps")
    app.secret_key = "k" * 32
    engine = create_engine(f"sqlite:///{place}/lamps.db", poolclass=QueuePool)
    tables: Any = SQLModel.metadata.tables
    SQLModel.metadata.create_all(engine, [tables["lamp"], tables["variant"]])
    with Session(engine) as database:
        arc = Lamp(name="Arc", price=250, sale_price=199.5, image="arc.png")
        desk = Lamp(name="Desk", price=49.9, image="desk.png")
        database.add_all([arc, desk, Variant(name="black", lamp=arc)])
        database.commit()
    queries: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: queries.append(told[2]))

    @app.get("/login")
    def login() -> Answer:
        session["email"] = "ann@shop.example"
        return redirect("/")

    def page(lamp_id: int, template: str) -> str:
        with Session(engine) as database:
            lamp = database.get(Lamp, lamp_id)
            others = database.exec(select(Lamp).where(Lamp.id != lamp_id)).all()
            return render_template_string(
                template, product=lamp, related=others, cart=session.get("cart", []),
                cart_total=49.9, item=None, category={"id": 1, "name": "Lamps", "price": 1},
            )  # fmt: skip

    @app.get("/shop/order-<int:lamp_id>")
    def order_a_lamp(lamp_id: int) -> str:
        return page(lamp_id, SHOWN)

    @app.get("/cart/added/<int:lamp_id>")
    def added(lamp_id: int) -> str:
        return page(lamp_id, ADDED)

    @app.get("/checkout/<int:lamp_id>")
    def checkout(lamp_id: int) -> str:
        return page(lamp_id, ADDED)

    @app.get("/")
    def home() -> str:
        with Session(engine) as database:
            lamps = database.exec(select(Lamp)).all()
            return render_template_string(
                "{% for p in lamps %}{{ p.name }}{% endfor %}",
                lamps=lamps,
                featured_product=lamps[0],
            )

    picture = "https://shop.example/static/shop/"
    arc_page: dict[str, Any] = {"id": "1", "name": "Arc", "price": 199.5}
    return Built(
        app,
        {
            "/shop/order-1": arc_page | {"image_url": picture + "arc.png"},
            "/shop/order-2": {"id": "2", "price": 49.9, "image_url": picture + "desk.png"},
        },
        ("/", "/cart/added/1", "/checkout/1"),
        queries,
        lambda: engine.pool.checkedout() > 0,
        close=engine.dispose,
    )
