"""Does the extension know who the shoppers are?"""

from __future__ import annotations

import inspect
import typing
from typing import Any

from topmail_flask.cli.checks.configuration import function_name
from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.store import Store
from topmail_flask.identify.sealing import FOR_COOKIES
from topmail_flask.model.errors import ConfigurationError

_CURE = "Register @topmail.shopper_loader."


def shoppers(store: Store) -> Finding:
    """Which resolver tells who the shopper is, and by which attribute?"""
    loader = store.state.core.hooks.shopper_loader
    if loader is not None:
        return ok(f"@topmail.shopper_loader: {function_name(loader)}().")
    login = getattr(store.app, "login_manager", None)
    if login is None:
        what = "Nothing tells who is logged in: no @topmail.shopper_loader, and no Flask-Login."
        return warning(what, f"{_CURE} (Visitors named by topmail.identify() are known.)")
    users = _user_classes(getattr(login, "_user_callback", None))
    blind = [one.__qualname__ for one in users if not _has_email(one)]
    if not getattr(login, "_user_callback", None) and not getattr(login, "_request_callback", None):
        return warning("Flask-Login has no user_loader: nobody is ever logged in.", _CURE)
    if blind:
        what = f"Flask-Login's current_user has no attribute email that is seen: {blind[0]}."
        return warning(what, _CURE)
    seen = f" of {users[0].__qualname__}" if users else ""
    return ok(f"Flask-Login: current_user.email{seen}.")


def identify(store: Store) -> Finding:
    """Could shoppers be known without a log-in, and does anything else count on it?"""
    try:
        store.state.identify.seals.of(FOR_COOKIES)
    except ConfigurationError as problem:
        if store.settings.backfill:
            return error(f"TOPMAIL_BACKFILL does nothing: {problem}.", "Do that, or unset it.")
        return ok(f"Not set up, which only topmail.identify() and sign_link() need: {problem}.")
    if store.settings.backfill and store.state.core.hooks.consent is None:
        what = "TOPMAIL_BACKFILL keeps looks of those alone who said yes in a known cookie banner."
        return warning(what, "Register @topmail.consent where the store asks in another way.")
    return ok("topmail.identify() and sign_link() can be used.")


def _user_classes(user_loader: Any) -> list[type]:
    """What the store's users are: as the loader says, else the classes made for Flask-Login."""
    try:
        told = typing.get_type_hints(user_loader).get("return")
    except Exception:  # noqa: BLE001  annotations of the shop may name what is not there
        told = None
    classes = [one for one in (typing.get_args(told) or (told,)) if isinstance(one, type)]
    classes = [one for one in classes if one is not type(None)]
    if not classes:
        from flask_login import UserMixin  # noqa: PLC0415  only shops with Flask-Login have it

        classes = UserMixin.__subclasses__()
    return classes


def _has_email(user: type) -> bool:
    """Whether users have an ``email``, as far as their class tells."""
    if hasattr(user, "email") or hasattr(user, "__getattr__"):
        return True
    return any(
        "email" in inspect.get_annotations(one) or "email" in _names_set(one)
        for one in user.__mro__
    )


def _names_set(user: type) -> tuple[str, ...]:
    code = getattr(user.__dict__.get("__init__"), "__code__", None)
    return code.co_names if code else ()
