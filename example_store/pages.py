"""What every page has: the categories of its menu, and the pages for when something is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from example_store.database import db
from example_store.models import Category

WORDS = {
    400: ("That did not work", "The form was open for too long or incomplete. Please try again."),
    404: ("Not on our shelves", "This page does not exist, or the product is no longer sold."),
}


def init_app(app: Flask) -> None:
    app.add_template_global(menu)
    app.register_error_handler(HTTPException, _say_it)
    app.register_error_handler(CSRFError, _say_it)
    app.register_error_handler(500, _apologise)


def menu() -> Sequence[Category]:
    return db.session.scalars(db.select(Category).order_by(Category.position)).all()


def _say_it(error: HTTPException) -> tuple[str, int] | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    heading, text = WORDS.get(code, (error.name, "Please go back and try something else."))
    return render_template("error.html", code=code, heading=heading, text=text), code


def _apologise(_error: Exception) -> tuple[str, int]:
    # A page of its own, without menu and basket: the database may be what is broken.
    return render_template("broken.html"), 500
