"""People with an account."""

from __future__ import annotations

from datetime import UTC, datetime

from flask_login import UserMixin
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from example_store.database import Model


class Customer(UserMixin, Model):  # type: ignore[misc]  # Flask-Login has no types
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    since: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))

    def set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password)

    def has_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)


class Choice(Model):
    """Whether the shop may remember what a customer looks at; no row: not asked yet."""

    __tablename__ = "choices"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    agreed: Mapped[bool]
    said_at: Mapped[datetime] = mapped_column(
        default=lambda: datetime.now(UTC), onupdate=lambda: datetime.now(UTC)
    )


class Subscriber(Model):
    """Somebody who wants the shop's letters, with an account or without one."""

    __tablename__ = "subscribers"

    email: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class Waiting(Model):
    """Somebody who wants to know when a variant is back in stock."""

    __tablename__ = "waiting"

    sku: Mapped[str] = mapped_column(ForeignKey("variants.sku"), primary_key=True)
    email: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
