"""The shopper that Flask-Login knows."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request

from topmail_flask.model.shopper import Shopper


def logged_in_shopper() -> Shopper | None:
    """Flask-Login's ``current_user`` with its ``email``, or None: nobody is logged in.

    A request without a cookie and without ``Authorization`` belongs to nobody unless the view
    itself has logged somebody in; its session is not touched.

    :raises InvalidValueError: the user's address cannot be one.
    """
    user = _user()
    email = getattr(user, "email", None)
    if not email:
        return None
    return Shopper(
        email=email,
        first_name=_text(getattr(user, "first_name", None)),
        last_name=_text(getattr(user, "last_name", None)),
    )


def is_somebody_logged_in() -> bool:
    """Whether Flask-Login knows the visitor, with or without an address."""
    return _user() is not None


def is_surely_nobody() -> bool:
    """Whether nobody is logged in, as far as can be told without loading a session or a user."""
    user: Any = g.get("_login_user")
    if user is not None:
        return not user or not user.is_authenticated
    if not hasattr(current_app, "login_manager"):
        return True
    environ = request.environ
    return "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ


def _user() -> Any:
    user: Any = g.get("_login_user")
    if user is None:
        if is_surely_nobody():
            return None
        from flask_login import current_user  # noqa: PLC0415  only shops with Flask-Login have it

        user = current_user
    return user if user and user.is_authenticated else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
