"""A store on SQLAlchemy's own sessions, 2.0 style: lazy relations, prices in cents, a blueprint."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, g, redirect, render_template_string, session
from sqlalchemy import ForeignKey, create_engine, event, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    relationship,
    scoped_session,
    sessionmaker,
)
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built

SHOWN = """<!doctype html><title>{{ product.title }}</title><h1>{{ product.title }}</h1>
{% for image in product.images %}<img src="/media/{{ image.filename }}">{% endfor %}
<p>by {{ product.brand.name }}</p><p class="price">${{ '%.2f' % product.price }}</p>
<p>{{ product.views }} people like it</p>{{ g.user.name if g.user else 'guest' }}"""
REVIEW = (
    "<h1>Review {{ product.title }}</h1><form method=post><textarea name=text></textarea></form>"
)
CARDS = "{% for product in products %}<h2>{{ product.title }}</h2>${{ product.price }}{% endfor %}"


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Brand(Base):
    __tablename__ = "brands"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Image(Base):
    __tablename__ = "images"
    id: Mapped[int] = mapped_column(primary_key=True)
    filename: Mapped[str]
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    price_cents: Mapped[int]
    views: Mapped[int] = mapped_column(default=0)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    brand: Mapped[Brand] = relationship()
    images: Mapped[list[Image]] = relationship(order_by=Image.id)
    reviews: Mapped[list[Review]] = relationship()

    @property
    def price(self) -> Decimal:
        return Decimal(self.price_cents) / 100

    @property
    def rating(self) -> float | None:
        return sum(review.stars for review in self.reviews) / len(self.reviews)


class Review(Base):
    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    stars: Mapped[int]
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))


def store(place: Path) -> Built:
    app = Flask("boots")
    app.secret_key = "k" * 32
    engine = create_engine(f"sqlite:///{place}/boots.db")
    Session = scoped_session(sessionmaker(engine))  # noqa: N806  (as SQLAlchemy calls it)
    Base.metadata.create_all(engine)
    with Session.begin():
        boot = Product(
            slug="hill-boot", title="Hill boot", price_cents=18900, brand=Brand(name="Fell")
        )
        boot.images = [Image(filename="hill-1.webp"), Image(filename="hill-2.webp")]
        Session.add_all([boot, User(name="Ann", email="ann@shop.example")])
        lace = Product(slug="lace", title="Lace", price_cents=450, brand=boot.brand)
        Session.add(lace)
    Session.remove()
    queries: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: queries.append(told[2]))

    @app.before_request
    def load_user() -> None:
        g.user = Session.get(User, session["user_id"]) if "user_id" in session else None

    @app.teardown_appcontext
    def end(_: Any) -> None:
        Session.remove()

    def found(slug: str) -> Product:
        product = Session.scalars(select(Product).where(Product.slug == slug)).one()
        product.views += 1  # for the template; nobody commits
        return product

    shop, admin = (
        Blueprint("shop", __name__),
        Blueprint("admin", __name__, url_prefix="/staff-only"),
    )

    @app.get("/login")
    def login() -> Answer:
        session["user_id"] = 1
        return redirect("/")

    @shop.get("/new/<slug>")
    def show(slug: str) -> str:
        return render_template_string(SHOWN, product=found(slug))

    @shop.get("/p/<slug>/reviews/new")
    def review(slug: str) -> str:
        return render_template_string(REVIEW, product=found(slug))

    @shop.get("/")
    @shop.get("/category/boots")
    def listing() -> str:
        products = Session.scalars(select(Product)).all()
        return render_template_string(CARDS, products=products, product=products[0])

    @admin.get("/<slug>")
    def product(slug: str) -> str:
        return render_template_string(SHOWN, product=found(slug))

    app.register_blueprint(shop)
    app.register_blueprint(admin)
    return Built(
        app,
        {
            "/new/hill-boot": {"id": "1", "name": "Hill boot", "price": 189, "brand": "Fell",
                               "image_url": "https://shop.example/media/hill-1.webp"},
            "/new/lace": {"id": "2", "price": 4.5, "image_url": None},
        },
        ("/p/hill-boot/reviews/new", "/category/boots", "/staff-only/hill-boot"),
        queries,
        lambda: engine.pool.checkedout() > 0,
        close=engine.dispose,
    )  # fmt: skip
