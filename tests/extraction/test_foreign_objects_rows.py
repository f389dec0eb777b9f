"""Rows of SQLAlchemy: looking at what a page showed costs the shop no query (F132, F134)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Numeric, event, inspect, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, joinedload, mapped_column, object_session, relationship

from tests.extraction.objects import read
from topmail_flask.model.errors import InvalidValueError

db = SQLAlchemy()


class Maker(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Lamp(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    net: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    sku: Mapped[str] = mapped_column(deferred=True)
    maker_id: Mapped[int] = mapped_column(ForeignKey(Maker.id))
    brand: Mapped[Maker] = relationship()
    spare: Mapped[list[Bulb]] = relationship(back_populates="lamp")

    @hybrid_property
    def price(self) -> Decimal:
        return self.net * 2

    @property
    def category(self) -> str:
        """Queries whenever it is asked for."""
        return db.session.scalars(select(Maker.name)).first() or ""

    @property
    def thumbnail(self) -> str:
        return f"/{len(self.spare)}.jpg"


class Bulb(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    lamp_id: Mapped[int] = mapped_column(ForeignKey(Lamp.id))
    lamp: Mapped[Lamp] = relationship(back_populates="spare")


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(Maker(id=1, name="Lux"))
        db.session.add(Lamp(id=7, name="Lamp", net=Decimal("9.95"), sku="L7", maker_id=1))
        db.session.add(Bulb(id=1, lamp_id=7))
        db.session.commit()
        db.session.expunge_all()
        yield app
        db.session.remove()
        db.engine.dispose()


@contextmanager
def no_statement() -> Iterator[None]:
    statements: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert statements == []


def lamp(*options: Any) -> Lamp:
    return db.session.execute(select(Lamp).options(*options)).scalar_one()


@pytest.mark.usefixtures("app")
class TestARowOfSqlAlchemy:
    def test_gives_its_columns_and_hybrids_but_loads_nothing(self) -> None:
        shown = lamp()
        with no_statement():
            product = read(shown, needs_price=True)
        assert (product.id, product.name, product.price) == ("7", "Lamp", Decimal("19.90"))
        assert (product.brand, product.sku, product.image_url) == (None, None, None)

    def test_gives_a_relation_that_the_page_has_loaded(self) -> None:
        shown = lamp(joinedload(Lamp.brand))
        assert len(shown.spare) == 1
        with no_statement():
            product = read(shown)
        assert (product.brand, product.image_url) == ("Lux", "https://shop.test/1.jpg")

    def test_tells_which_property_wanted_to_query(self) -> None:
        shown = lamp()
        rejected: dict[str, str] = {}
        with no_statement():
            read(shown, rejected=rejected)
        assert rejected["category"] == "would query the database"
        assert shown.category == "Lux"  # and the shop may query as before

    def test_may_query_for_what_the_shop_maps(self) -> None:
        product = read(lamp(), fields={"sku": "sku", "brand": "brand.name", "category": "category"})
        assert (product.sku, product.brand, product.category) == ("L7", "Lux", "Lux")

    def test_is_read_detached(self) -> None:
        shown = lamp()
        db.session.expunge(shown)
        product = read(shown, needs_price=True)
        assert (product.name, product.brand) == ("Lamp", None)

    def test_that_a_commit_expired_is_not_loaded_again(self) -> None:
        shown = lamp()
        db.session.commit()
        with no_statement(), pytest.raises(InvalidValueError):
            read(shown)
        assert shown.name == "Lamp"  # the page shows it: now it is loaded
        with no_statement():
            assert read(shown).name == "Lamp"

    def test_is_not_flushed_by_a_look(self) -> None:
        """F134."""
        shown = lamp()
        pending = Maker(id=2, name="Lux 2")
        db.session.add(pending)
        shown.name = "Lamp, edited"
        with no_statement():
            assert read(shown).name == "Lamp, edited"
        assert pending in db.session.new
        assert shown in db.session.dirty
        db.session.rollback()

    def test_stays_as_it_was(self) -> None:
        shown = lamp()
        session = object_session(shown)
        before: set[str] = set(inspect(shown).unloaded)
        read(shown)
        assert set(inspect(shown).unloaded) == before
        assert object_session(shown) is session
        assert [letter.id for letter in shown.spare] == [1]

    def test_may_be_one_of_chosen_columns(self) -> None:
        row = db.session.execute(select(Lamp.id, Lamp.name, Lamp.net.label("price"))).one()
        product = read(row, needs_price=True)
        assert (product.id, product.name, product.price) == ("7", "Lamp", Decimal("9.95"))
        assert read(row._mapping).name == "Lamp"
        assert read(tuple(row), fields={"id": 0, "name": 1, "price": 2}).name == "Lamp"

    def test_is_read_inside_a_mapping_as_well(self) -> None:
        shown = lamp()
        with no_statement():
            product = read({"id": 1, "name": "Set", "price": 1, "brand": shown, "vendor": "Lux"})
        assert product.brand == "Lamp"
