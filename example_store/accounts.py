"""Who is logged in: Flask-Login over the table of customers."""

from __future__ import annotations

from flask import Flask
from flask_login import LoginManager

from example_store.database import db
from example_store.models import Customer

login_manager = LoginManager()
login_manager.login_view = "account.log_in"
login_manager.login_message = "Please log in to see your account."


def init_app(app: Flask) -> None:
    login_manager.init_app(app)
    login_manager.user_loader(_customer)


def _customer(customer_id: str) -> Customer | None:
    return db.session.get(Customer, int(customer_id))
