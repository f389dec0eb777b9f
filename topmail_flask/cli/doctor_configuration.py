"""Checks of what the shop configured: key, shoppers, consent, addresses, versions."""

from __future__ import annotations

import ast
import inspect
import ipaddress
import platform
import re
import sys
import textwrap
import typing
from contextvars import Context
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from topmail_flask.cli.doctor_store import Finding, Store, error, ok, warning
from topmail_flask.extraction.currencies import is_active
from topmail_flask.identify.sealing import FOR_COOKIES
from topmail_flask.model.errors import ConfigurationError, WrongAnswer
from topmail_flask.model.settings import PREFIX, Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.robots import LIST_UNREADABLE, list_is_read
from topmail_flask.shoppers import G_NAMES, OWN_RESOLVERS, RESOLVERS, SESSION_KEYS

_FIX = (
    "With topmail = TopMail(app), write: @topmail.shopper_loader above def shopper(): return the "
    "e-mail address of whoever is logged in, or None."
)
_NAMES_VISITORS = re.compile(rb"\.(identify|sign_link)\(")
_OF_OTHERS = {"site-packages", "dist-packages", "topmail_flask"}
_ADDRESSES = ("email", "mail", "email_address")
_HAS_ADDRESS = {*_ADDRESSES, "__getattr__"}
_NO_CODE = (lambda: None).__code__
_A_USER = re.compile(
    r"(?:\w+\.)*current_user"  # of Flask-Login, and of Flask-JWT-Extended
    r"|\w+\.(?:query\.get(?:_or_404)?|get_by_id|get_or_none)\(.*\)"
    r"|(?:\w+\.)*session\.get\([A-Z]\w*, .*\)"
)
SHOWN = ("topmail-flask", "flask", "werkzeug", "requests", "blinker")
_NOT_PUBLIC = (".local", ".localhost", ".test", ".example", ".invalid", ".internal")


def key(store: Store) -> Finding:
    """Is there a key, of the right kind? (A malformed one stops the app at its start.)"""
    api_key = store.settings.api_key
    late = _set_too_late(store)
    if late:
        what = f"Set after topmail.init_app(app), so not read: {', '.join(late)}."
        return error(what, "Call topmail.init_app(app) when the configuration is complete.")
    if api_key is None:
        fix = "Set TOPMAIL_API_KEY, or try: flask topmail sandbox"
        return error("There is no API key: nothing is sent.", fix)
    if store.settings.enabled is False:
        fix = "Remove TOPMAIL_ENABLED where views should be sent."
        return warning("TOPMAIL_ENABLED is False: nothing is sent.", fix)
    address = store.settings.base_url
    if api_key.reveal().startswith("tm_test_sandbox_") and address.startswith("https:"):
        fix = "Set TOPMAIL_BASE_URL as flask topmail sandbox prints it."
        return error(f"A key of the sandbox, but TOPMAIL_BASE_URL is {address}.", fix)
    is_live = api_key.reveal().startswith("tm_live_")
    if is_live and (store.app.debug or store.app.testing):
        where = "debug mode" if store.app.debug else "tests"
        fix = "Use a tm_test_… key, or: flask topmail sandbox"
        return warning(f"A live key in {where}: what is tried out mails real shoppers.", fix)
    if not store.state.core.is_enabled():
        return warning("The app is under TESTING: nothing is sent.", "Unset TESTING in production.")
    if not is_live and store.is_in_production:
        fix = "Set TOPMAIL_API_KEY to the tm_live_… key where real shoppers are."
        return warning("A test key outside of debug and testing: no mail is sent with it.", fix)
    return ok(f"A {'live' if is_live else 'test'} key ({api_key}).")


def _set_too_late(store: Store) -> list[str]:
    """Settings that the app has now, and had not when the extension read them."""
    try:
        now = Settings.from_config(store.app.config)
    except ConfigurationError as problem:
        return [str(problem).partition(" ")[0]]
    return [
        f"{PREFIX}{setting.name.upper()}"
        for setting in fields(Settings)
        if getattr(now, setting.name) != getattr(store.settings, setting.name)
    ]


def site_url(store: Store) -> Finding:
    """Which address do mails link to, and who may choose it?"""
    site = store.settings.site_url
    if site is None:
        for name in ("SERVER_NAME", "TRUSTED_HOSTS"):
            if store.app.config.get(name):
                return ok(f"TOPMAIL_SITE_URL is not set; {name} keeps forged hosts out.")
        fix = "Set TOPMAIL_SITE_URL to the shop's public address (or TRUSTED_HOSTS)."
        what = "Links are made from the Host header: whoever forges it chooses where mails link to."
        return warning(what, fix)
    parts = urlsplit(site)
    if store.is_in_production and _is_private(parts.hostname or ""):
        fix = "Set TOPMAIL_SITE_URL to the shop's public address."
        return error(f"Mails would link to {site}, which is no public address.", fix)
    if store.is_in_production and parts.scheme == "http":
        fix = "Set TOPMAIL_SITE_URL to the shop's https address."
        return warning(f"Mails would link to {site}, without encryption.", fix)
    return ok(f"Mails link to {site}.")


def currency(store: Store) -> Finding:
    """Do prices have a currency?"""
    code = store.settings.currency
    if code is not None:
        if is_active(code):
            return ok(f"Prices that name no currency are in {code}.")
        fix = "Set TOPMAIL_CURRENCY to the shop's, e.g. EUR."
        return error(f"TOPMAIL_CURRENCY is {code}, which is no currency of ISO 4217.", fix)
    products = [sample.decision.product for sample in store.samples if sample.decision.product]
    if products and all(product.currency for product in products):
        return ok("TOPMAIL_CURRENCY is not set; the sampled pages name their own currency.")
    what = "TOPMAIL_CURRENCY is not set: a price that names no currency is not sent."
    return warning(what, "Set TOPMAIL_CURRENCY, e.g. to EUR.")


def function_name(function: object) -> str:
    """The name of a function of the shop."""
    return getattr(function, "__qualname__", type(function).__name__)


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_NOT_PUBLIC)


def shoppers(store: Store) -> Finding:
    """Which resolver tells who the shopper is, and by which attribute?"""
    loader = store.state.core.hooks.shopper_loader
    if loader is not None:
        return _of_loader(store, loader)
    login = getattr(store.app, "login_manager", None)
    if login is None:
        if not OWN_RESOLVERS.issuperset(RESOLVERS):
            return ok("A resolver of the store tells who is logged in.")
        place = _place_of_user(store.app)
        if place:
            return ok(f"{place} tells who is logged in, where it holds an e-mail address.")
        what = "Nothing tells who is logged in: no @topmail.shopper_loader, and no Flask-Login."
        if _identifies(store.app):
            return ok(f"{what} The store names visitors itself, by topmail.identify() or a link.")
        return error(f"{what} Every visitor is anonymous, and no view is sent.", _FIX)
    user_loader = getattr(login, "_user_callback", None)
    if user_loader is None and not getattr(login, "_request_callback", None):
        return error("Flask-Login has no user_loader: nobody is ever logged in.", _FIX)
    users = _user_classes(user_loader)
    blind = next((user for user in users if _HAS_ADDRESS.isdisjoint(_names_of(user))), None)
    if blind is not None:
        what = f"Flask-Login's current_user has no attribute email: {blind.__qualname__}."
        return error(f"{what} Whoever logs in stays anonymous.", _fix_for(blind))
    if not users:
        return ok("Flask-Login: current_user.email.")
    held = _names_of(users[0])
    address = next((name for name in _ADDRESSES if name in held), "email")
    return ok(f"Flask-Login: current_user.{address} of {users[0].__qualname__}.")


def _of_loader(store: Store, loader: Any) -> Finding:
    name = function_name(loader)
    wrong = [
        each
        for each in _returned_by(loader)
        if not (issubclass(each, (str, Shopper)) or issubclass(str, each))
    ]
    if wrong:
        what = f"@topmail.shopper_loader: {name}() returns {wrong[0].__qualname__}."
        return error(what, "Return an e-mail address, a topmail_flask.Shopper, or None.")
    user = _returned_user(loader)
    if user:
        what = f"@topmail.shopper_loader: {name}() returns {user}, which is a user and no address."
        return error(what, "Return its e-mail address, a topmail_flask.Shopper, or None.")
    try:
        Context().run(_load, store, loader)
    except WrongAnswer as problem:
        what, _, fix = str(problem).partition(". ")
        return error(f"@topmail.shopper_loader: {name}() {what}.", f"{fix}.")
    except Exception as problem:  # noqa: BLE001  the shop's function may raise anything
        what = f"@topmail.shopper_loader: {name}() raises {type(problem).__name__} for a visitor"
        return warning(f"{what} who is not logged in.", "Let it return None then.")
    return ok(f"@topmail.shopper_loader: {name}().")


def _returned_user(loader: Any) -> str:
    """What a loader surely returns for who is logged in, where its source says so: a user."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(loader))))
    except (OSError, SyntaxError, TypeError):
        return ""
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    parts = [part for value in returned for part in _alternatives(value)]
    return next((text for text in map(ast.unparse, parts) if _A_USER.fullmatch(text)), "")


def _alternatives(value: ast.expr | None) -> list[ast.expr]:
    if isinstance(value, ast.IfExp):
        return [*_alternatives(value.body), *_alternatives(value.orelse)]
    return [value.values[-1]] if isinstance(value, ast.BoolOp) else [value] if value else []


def _load(store: Store, loader: Any) -> None:
    with store.app.test_request_context(base_url=store.base_url):
        Shopper.of(store.app.ensure_sync(loader)())


# Words that a function with a form or a page of its own has as well.
_OF_FORMS = frozenset(["username", "customer", "profile"])


def _place_of_user(app: Flask) -> str:
    """Where the store's own functions keep the user, as far as their code tells."""
    if "flask-jwt-extended" in app.extensions:
        return "The token of flask-jwt-extended"
    functions: list[Any] = [*app.view_functions.values()]
    for hooks in app.before_request_funcs.values():
        functions += hooks
    for function in functions:
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None:
            continue
        names, texts = (
            set(code.co_names),
            {constant for constant in code.co_consts if isinstance(constant, str)},
        )
        on_g = next((name for name in G_NAMES if {"g", name} <= names), None)
        if on_g is not None:
            return f"g.{on_g}, of {function_name(function)}(),"
        if "session" in names:
            for key in SESSION_KEYS:
                if key in texts and key not in _OF_FORMS:
                    return f'session["{key}"], of {function_name(function)}(),'
    return ""


def _identifies(app: Flask) -> bool:
    """Whether a module of the store itself calls ``identify`` or ``sign_link``."""
    if app.import_name not in sys.modules:
        return False
    files = [Path(getattr(module, "__file__", None) or "") for module in [*sys.modules.values()]]
    return any(
        _NAMES_VISITORS.search(file.read_bytes())
        for file in files
        if file.suffix == ".py"
        and file.is_relative_to(app.root_path)
        and not _OF_OTHERS.intersection(file.parts)
        and file.is_file()
    )


def _fix_for(user: type) -> str:
    """How the shopper's address is told where a user has it under another name."""
    address = next((name for name in sorted(_names_of(user)) if "mail" in name.lower()), "…")
    return (
        "With topmail = TopMail(app), write: @topmail.shopper_loader above def shopper(): return "
        f"current_user.{address} if current_user.is_authenticated else None"
    )


def _names_of(user: type) -> set[str]:
    """Names of what users have, as far as their class tells."""
    names: set[str] = set()
    for base in user.__mro__:
        code = getattr(base.__dict__.get("__init__"), "__code__", _NO_CODE)
        names.update(vars(base), inspect.get_annotations(base), code.co_names)
    return names


def identify(store: Store) -> Finding:
    """Could shoppers be known without a log-in, and does anything else count on it?"""
    try:
        store.state.identify.seals.of(FOR_COOKIES)
    except ConfigurationError as problem:
        if store.settings.backfill:
            return error(f"TOPMAIL_BACKFILL does nothing: {problem}.", "Do that, or unset it.")
        return ok(f"Not set up, which only topmail.identify() and sign_link() need: {problem}.")
    if store.settings.backfill and store.state.core.hooks.consent is None:
        what = "TOPMAIL_BACKFILL keeps page views only of visitors who said yes in a known banner."
        return warning(what, "Register @topmail.consent where the store asks in another way.")
    return ok("topmail.identify() and sign_link() can be used.")


def _user_classes(user_loader: Any) -> list[type]:
    """What the store's users are: as the loader says, else the classes made for Flask-Login."""
    classes = _returned_by(user_loader)
    if not classes:
        from flask_login import UserMixin  # noqa: PLC0415  only shops with Flask-Login have it

        # An annotation of what is imported for the type checker alone has a name at least.
        said = str(getattr(user_loader, "__annotations__", {}).get("return", ""))
        of_login = UserMixin.__subclasses__()
        named = [cls for cls in of_login if re.search(rf"\b{cls.__name__}\b", said)]
        classes = named or of_login
    return classes


def _returned_by(function: Any) -> list[type]:
    """The classes that a function's annotation names, None apart."""
    try:
        hint = typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001  annotations of the shop may name what is not there
        return []
    found = [each for each in (typing.get_args(hint) or (hint,)) if isinstance(each, type)]
    return [each for each in found if each is not type(None)]


def versions(store: Store) -> Finding:  # noqa: ARG001  # a check's signature
    """Python, this package, and what it stands on; none older than it supports."""
    installed = installed_versions()
    too_old = [
        f"{name} {installed[name]} (at least {least})"
        for name, least in _least().items()
        if name in installed and _numbers(installed[name]) < _numbers(least)
    ]
    if too_old:
        return error(f"Too old: {', '.join(too_old)}.", "pip install --upgrade topmail-flask")
    if not list_is_read():
        what, _, fix = LIST_UNREADABLE.partition(". ")
        return warning(f"The list of robots (crawler-user-agents) cannot be read: {what}.", fix)
    return ok(", ".join(f"{name} {version}" for name, version in installed.items()) + ".")


def installed_versions() -> dict[str, str]:
    """Of Python and the packages that matter most."""
    found = {"python": platform.python_version()}
    for name in SHOWN:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def _least() -> dict[str, str]:
    """The lowest versions that this package supports, as its own metadata tells."""
    try:
        required = metadata.requires("topmail-flask") or []
    except metadata.PackageNotFoundError:
        return {}
    found = (re.match(r"([\w-]+)\s*>=\s*([\d.]+)\s*$", requirement) for requirement in required)
    return {match[1]: match[2] for match in found if match and match[1] in SHOWN}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
