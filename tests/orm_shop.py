"""A catalogue on SQLAlchemy, as many Flask stores have it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tests.shop import Shop, make_shop


class Base(DeclarativeBase):
    pass


class Category(Base):
    __tablename__ = "category"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    products: Mapped[list[Article]] = relationship(back_populates="category")


class Article(Base):
    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    price: Mapped[Decimal]
    image: Mapped[str]
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    category: Mapped[Category] = relationship(back_populates="products")


def orm_shop(place: Path, **settings: str) -> tuple[Shop, SQLAlchemy, list[str]]:
    """A shop with two teas in a database, and the list of the statements that run from now on."""
    config = {"TOPMAIL_CURRENCY": "EUR", "TOPMAIL_IMAGE_BASE": "/media/"}
    config |= {f"TOPMAIL_{name.upper()}": value for name, value in settings.items()}
    shop = make_shop(config, shopper="ann@shop.example")
    shop.app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{place}/shop.db"
    db = SQLAlchemy(model_class=Base)
    db.init_app(shop.app)
    statements: list[str] = []
    with shop.app.app_context():
        db.create_all()
        shelf = Category(name="Teas")
        for slug in ("green", "black"):
            db.session.add(
                Article(slug=slug, name=f"{slug} tea", price=9, image="t.png", category=shelf)
            )
        db.session.commit()
        event.listen(db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    return shop, db, statements
