"""Who saw it? The shopper of a request, and whether that shopper agreed to be tracked.

:data:`RESOLVERS` are the ways to know a shopper who is logged in, in their order.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask, Request, current_app, g, session
from flask.globals import request_ctx

from topmail_flask.delivery.files import CachedFlag
from topmail_flask.delivery.receivers import OfShopper
from topmail_flask.extraction.attributes import Reader
from topmail_flask.guard import Guard
from topmail_flask.model.events import ProductView
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import (
    CONSENT_HINTS,
    Consent,
    cookie_banner_consent,
    decision_of,
)
from topmail_flask.rules.visitors import Answers, Visitor

_TEXTS = frozenset((str, type(None)))
Resolver = Callable[[Request], Shopper | None]
IDENTITY_COOKIE = "topmail_shopper"
IDENTIFIED = "topmail_flask.named"
"""Key of the environ: whom this very request named, or None once the shop forgot who it was."""


_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+\Z")
SESSION_KEYS = (
    *("user", "email", "user_email", "username", "current_user", "customer", "customer_email"),
    # OpenID Connect by Authlib, Flask-pyoidc, Auth0's older examples, and Flask-OIDC.
    *("userinfo", "user_info", "profile", "oidc_auth_profile"),
)
"""Where stores and their log-ins leave the shopper in the session, in the order of trust."""
# The last one is Flask-HTTPAuth's.
G_NAMES = ("user", "current_user", "customer", "flask_httpauth_user")
"""The same of ``g``."""
_STAFF_MARKS = frozenset({"is_admin", "is_staff", "is_superuser"})


def _here() -> dict[str, Any]:
    """What ``g`` holds; each look through its proxy would cost 1 us."""
    here: dict[str, Any] = vars(g._get_current_object())  # noqa: SLF001
    return here


def flask_login_shopper(request: Request) -> Shopper | None:
    """Flask-Login's ``current_user`` with its address, or None: nobody is logged in.

    The address is the user's ``email``, ``mail`` or ``email_address``, or a ``username`` or ``id``
    that is one. A request without a cookie and without ``Authorization`` belongs to nobody unless
    the view itself has logged somebody in; its session is not touched. Flask-Security is found by
    this, too.

    :raises InvalidValueError: the user's address cannot be one.
    """
    user = _flask_login_user(request)
    email = getattr(user, "email", None)
    if not email:
        return shopper_of(user)
    return _shopper(email, getattr(user, "first_name", None), getattr(user, "last_name", None))


def jwt_shopper(_: Request) -> Shopper | None:
    """The user or the identity of the token that flask-jwt-extended has verified for the view."""
    if "_jwt_extended_jwt" not in _here():
        return None
    import flask_jwt_extended  # noqa: PLC0415  only shops with flask-jwt-extended have it

    try:
        user = flask_jwt_extended.get_current_user()
    except RuntimeError:  # the shop looks no users up
        user = None
    claims = flask_jwt_extended.get_jwt()
    return shopper_of(user) or shopper_of(claims) or shopper_of(claims.get("sub"))


def g_user_shopper(_: Request) -> Shopper | None:
    """The user that a ``before_request`` function of the shop, or Flask-HTTPAuth, has put on ``g``,
    by one of :data:`G_NAMES`.
    """
    here = _here()
    return next(filter(None, (shopper_of(here.get(name)) for name in G_NAMES)), None)


def session_shopper(request: Request) -> Shopper | None:
    """What the session has under one of :data:`SESSION_KEYS`, if it has an address."""
    if not _may_have_session(request):
        return None
    stored = session._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  as for g
    found = (shopper_of(stored.get(name)) for name in SESSION_KEYS)
    return next(filter(None, found), None)


RESOLVERS: list[Resolver] = [
    flask_login_shopper,
    jwt_shopper,
    g_user_shopper,
    session_shopper,
]
"""Asked one after the other until one knows the shopper. Each is a function of the request that
returns a :class:`~topmail_flask.Shopper` or None; a ``shopper_loader`` of the shop replaces them.
"""
OWN_RESOLVERS = frozenset([flask_login_shopper, jwt_shopper, g_user_shopper, session_shopper])
_KNOWN_ON_G = frozenset([*G_NAMES, "_jwt_extended_jwt"])


def shopper_of(user: object) -> Shopper | None:
    """The shopper that a user, the claims of a token or an address stands for.

    The token of OpenID Connect that Authlib makes has them under ``userinfo``.

    :raises InvalidValueError: what is called an e-mail address cannot be one.
    """
    if user is None or isinstance(user, str):
        return Shopper(user) if user and _ADDRESS.match(user) else None

    def value_of(name: str) -> Any:
        if isinstance(user, Mapping):
            found = user.get(name)
        elif hasattr(user, "keys") and hasattr(type(user), "__getitem__"):  # sqlite3.Row, DictRow
            row: Any = user
            found = row[name] if name in row.keys() else None  # noqa: SIM118  it has no other
        else:
            found = getattr(user, name, None)
        return None if callable(found) else found

    for name in ("email", "mail", "email_address", "username", "id"):
        address = value_of(name)
        if address and (name == "email" or (isinstance(address, str) and _ADDRESS.match(address))):
            return _shopper(address, value_of("first_name"), value_of("last_name"))
    claims = user.get("userinfo") if isinstance(user, Mapping) else None
    return shopper_of(claims) if isinstance(claims, Mapping) and claims is not user else None


def _shopper(*values: Any) -> Shopper:
    if not _TEXTS.issuperset(map(type, values)):
        first, last = (text if isinstance(text, str) else None for text in values[1:])
        return Shopper(values[0], None, first, last)
    return _RECENT.get(values) or _RECENT.add(values)


class _RecentShoppers(dict[tuple[str, str | None, str | None], Shopper]):
    """Shoppers as they were made of these texts; begun anew when it is full or half an hour old."""

    _full, _seconds, _until = 2048, 1800.0, 0.0

    def add(self, values: tuple[str, str | None, str | None]) -> Shopper:
        now = time.monotonic()
        if len(self) >= self._full or now >= self._until:
            self.clear()
            self._until = now + self._seconds
        email, first_name, last_name = values
        shopper = self[values] = Shopper(email, None, first_name, last_name)
        return shopper


_RECENT = _RecentShoppers()


def is_somebody_logged_in(request: Request) -> bool:
    """Whether Flask-Login knows the visitor, with or without an address."""
    return _flask_login_user(request) is not None


def _opened_session() -> Any:
    """The request's session, if the page or a function of the shop has looked at it already."""
    context: Any = request_ctx._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  each look through the proxy costs 1 us
    # Not by flask.session, which notes that it was looked at. Before Flask 3.1.3: without _.
    known = vars(context)
    opened = known["_session"] if "_session" in known else known.get("session")
    return opened if opened is not None and opened.accessed else None


def _is_marked(user: object) -> bool:
    """Whether a user has a mark of staff: True, or 1 as databases keep it."""
    cls: Any = type(user)
    if not _may_be_marked(cls) and _STAFF_MARKS.isdisjoint(getattr(user, "__dict__", ())):
        return False
    reader = Reader(user)
    return any(isinstance(mark, int) and mark == 1 for mark in map(reader.get, _STAFF_MARKS))


@functools.lru_cache(maxsize=256)
def _may_be_marked(cls: type) -> bool:
    return any(hasattr(cls, mark) for mark in _STAFF_MARKS) or hasattr(cls, "keys")


def _may_have_session(request: Request) -> bool:
    cookies = request.environ.get("HTTP_COOKIE")
    return cookies is not None and current_app.config["SESSION_COOKIE_NAME"] in cookies


def _is_nobody_for_flask_login(request: Request) -> bool:
    user: Any = _here().get("_login_user")
    if user is not None:
        return not user or not user.is_authenticated
    environ = request.environ
    if "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ:
        return True
    return not hasattr(current_app, "login_manager")


def _flask_login_user(request: Request) -> Any:
    user: Any = _here().get("_login_user")
    if user is None:
        if _is_nobody_for_flask_login(request):
            return None
        from flask_login import current_user  # noqa: PLC0415  only shops with Flask-Login have it

        user = current_user._get_current_object()  # noqa: SLF001
    return user if user and user.is_authenticated else None


def may_be_identified(environ: Mapping[str, Any]) -> bool:
    """Whether the store itself may have named the shopper, in this browser or in this request."""
    return IDENTITY_COOKIE in environ.get("HTTP_COOKIE", "") or IDENTIFIED in environ


def takes_arguments(function: Callable[..., object]) -> bool:
    """Whether a function has any parameter."""
    return bool(inspect.signature(function).parameters)


@dataclass(slots=True)
class Hooks:
    """What the shop registered on its TopMail object."""

    shopper_loader: Callable[[], object] | None = None
    consent: Callable[..., bool | None] | None = None
    adapters: dict[type, Callable[[Any], Any]] = field(default_factory=dict)
    before_send: list[Callable[[ProductView], Any]] = field(default_factory=list)
    exclude: list[Callable[[], object]] = field(default_factory=list)

    def as_seen_by(self, shopper: Shopper) -> Hooks:
        """The same hooks, but the shopper is known already."""
        return replace(self, shopper_loader=lambda: shopper)


class FlaskShopperSource(Visitor):
    """Asks the shop's functions about one request.

    :param ask_consent: the shop's consent function.
    :param identified: who the shopper is by ``topmail.identify`` or a signed link.
    """

    def __init__(
        self,
        app: Flask,
        hooks: Hooks,
        request: Request,
        ask_consent: Callable[[Shopper | None], bool | None],
        identified: Resolver,
    ) -> None:
        self._app = app
        self._hooks = hooks
        self._request = request
        self._ask_consent = ask_consent
        self._identified = identified
        self._here = _here()
        self._is_nobody: bool | None = None

    def ask_early(self) -> None:
        """Ask the shop's functions while its database is open, if the page has loaded its session,
        and Flask-Login's user, if it has Flask-Login.

        Else asking who the visitor is would load them, add ``Vary: Cookie`` and, by a remember-me
        cookie, write the session. Where nobody is known or a function fails, they are asked when
        the response is final.
        """
        if _opened_session() is None:
            return
        if "_login_user" not in self._here and hasattr(self._app, "login_manager"):
            return
        try:
            shopper = self.logged_in()
            if shopper is not None:
                is_excluded = bool(self._hooks.exclude) and self.is_excluded()
                self.early = Answers(shopper, self.consents(shopper), is_excluded)
        except Exception:  # noqa: BLE001  a shop's function may raise anything
            self.early = None

    def answers(self) -> Answers:
        """What was said early, else what is said now."""
        if self.early is not None:
            return self.early
        hooks = self._hooks
        if self._is_nobody and not hooks.exclude and hooks.consent is None:
            return Answers(None, self.consents(None))
        return super().answers()

    def shopper(self) -> Shopper | None:
        """The shopper who is logged in; if nobody is, the one whom the store named here before.

        Somebody who is logged in, but without an address, is not taken for the one before.
        """
        if self._is_nobody:
            return None
        known = self.logged_in() if self.early is None else self.early.shopper
        if known is not None or not may_be_identified(self._request.environ):
            return known
        if is_somebody_logged_in(self._request):
            return None
        return self._identified(self._request)

    def logged_in(self) -> Shopper | None:
        """The shopper whom the store's own loader names, or without one the resolvers."""
        loader = self._hooks.shopper_loader
        if loader is not None:
            self.called = loader
            return Shopper.of(self._app.ensure_sync(loader)())
        for resolver in RESOLVERS:
            shopper = resolver(self._request)
            if shopper is not None:
                return shopper
        return None

    def is_surely_nobody(self) -> bool:
        """Whether :meth:`shopper` will be None, as far as can be told at once."""
        if self._is_nobody is False:  # where nobody was found somebody may have logged in since
            return False
        here, environ = self._here, self._request.environ
        if (
            self._hooks.shopper_loader is not None
            or not _KNOWN_ON_G.isdisjoint(here)
            or not OWN_RESOLVERS.issuperset(RESOLVERS)
        ):
            self._is_nobody = False
            return False
        # Without loading a session or a user.
        cookies = environ.get("HTTP_COOKIE", "")
        has_session = bool(cookies) and self._app.config["SESSION_COOKIE_NAME"] in cookies
        if "_login_user" in here:
            user: Any = here["_login_user"]
            is_nobody = (not user or not user.is_authenticated) and not has_session
        elif "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ:
            is_nobody = True
        else:
            is_nobody = not has_session and not hasattr(self._app, "login_manager")
        self._is_nobody = is_nobody and not may_be_identified(environ)
        return self._is_nobody

    def consents(self, shopper: Shopper | None) -> Consent:
        """What the shopper decided about tracking; None: nothing yet."""
        if self.early is not None and shopper is self.early.shopper:
            return self.early.consent
        if self._hooks.consent is None:
            header = self._request.environ.get("HTTP_COOKIE", "")
            may_keep_consent = any(map(header.lower().__contains__, CONSENT_HINTS))
            return cookie_banner_consent(header) if may_keep_consent else None
        self.called = self._hooks.consent
        return self._ask_consent(shopper)

    def is_staff(self) -> bool:
        """Whether the request's user is one of the shop's own; only what is loaded is asked."""
        here = self._here
        user: Any = here.get("_login_user") or next(filter(None, map(here.get, G_NAMES)), None)
        if user is not None:
            return _is_marked(user)
        token_user = here.get("_jwt_extended_jwt_user")
        if token_user:
            return _is_marked(token_user.get("loaded_user"))
        opened = _opened_session()
        return opened is not None and any(_is_marked(opened.get(name)) for name in SESSION_KEYS)

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""
        if self.early is not None:
            return self.early.is_excluded
        for rule in self._hooks.exclude:
            self.called = rule
            if self._app.ensure_sync(rule)():
                return True
        self.called = None
        return False


class NamedShopper(Visitor):
    """The shopper whom the shop's code names, or else the request's.

    :param named: a Shopper or an e-mail address.
    :param source: of the request, if there is one.
    :param ask_consent: asks the shop where there is none.
    :param consent: what the shop's code says that the shopper decided; None: as for any other.
    :param counts_staff: whoever it is, this counts.
    """

    def __init__(
        self,
        named: Shopper | str | None,
        source: FlaskShopperSource | None,
        ask_consent: Callable[[Shopper | None], bool | None],
        *,
        consent: bool | None = None,
        counts_staff: bool = False,
    ) -> None:
        self._named = named
        self._source = source
        self._ask_consent = ask_consent
        self._consent = consent
        self._counts_staff = counts_staff or named is not None

    def answers(self) -> Answers:
        """As of any visitor; the functions of the shop that are called are the request's."""
        try:
            return super().answers()
        finally:
            if self._source is not None:
                self.called = self._source.called

    def ask_early(self) -> None:
        """Ask the shop's functions while its database is open."""
        if self._source is not None:
            self._source.ask_early()

    def shopper(self) -> Shopper | None:
        """Who it is, if anybody knows."""
        if self._named is not None or self._source is None:
            return Shopper.of(self._named)
        return self._source.shopper()

    def is_surely_nobody(self) -> bool:
        """Whether :meth:`shopper` will be None, as far as can be told at once."""
        return self._named is None and (self._source is None or self._source.is_surely_nobody())

    def consents(self, shopper: Shopper | None) -> Consent:
        """What the shopper decided about tracking; None: nothing yet."""
        if self._consent is not None:
            return self._consent
        return (
            self._ask_consent(shopper) if self._source is None else self._source.consents(shopper)
        )

    def is_staff(self) -> bool:
        """Whether the user who is logged in works for the shop."""
        return not self._counts_staff and self._source is not None and self._source.is_staff()

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""
        return self._source is not None and self._source.is_excluded()


class ConsentFunction:
    """Asks ``@topmail.consent``.

    Outside of a request it is asked only if it can answer there: whether it can, is tried while a
    request is under way whose answer was "yes". A function that reads cookies or ``current_user``
    says something else without them and is not asked again; then a refusal in the shopper's next
    request drops what waits.

    A process that answers no requests, as ``flask topmail drain``, goes by what the store's
    processes have learnt of the same function. Until one of them has, it is not asked there: it
    said yes in the request, and what a function says where it cannot know is no refusal.

    :param learned: where that is kept; called when it is needed.
    """

    def __init__(
        self,
        app: Flask,
        hooks: Hooks,
        guard: Guard,
        settings: Settings,
        learned: Callable[[], CachedFlag],
    ) -> None:
        self._app = app
        self._learned = learned
        self._hooks = hooks
        self._guard = guard
        self._opt_in = settings.consent == "opt-in"
        self._answers_anywhere: bool | None = None

    def ask(self, shopper: Shopper | None) -> bool | None:
        """What the shopper decided, as the shop knows it in this request."""
        answer = self._answer(shopper)
        if answer and self._answers_anywhere is None:
            try:
                self._answers_anywhere = self._answer_outside(shopper) is True
            except Exception:  # noqa: BLE001  it needs the request
                self._answers_anywhere = False
            self._learned().keep(self._version(), self._answers_anywhere)
        return answer

    def knows_shoppers(self) -> bool:
        """Whether what it answers is about the shopper whom it is given, whoever's the request."""
        reader = self._hooks.consent
        return reader is not None and takes_arguments(reader)

    def is_withdrawn(self, event: OfShopper) -> bool:
        """Whether the shopper of what waits has changed their mind; in the sending thread."""
        if self._hooks.consent is None:
            return False
        if self._answers_anywhere is None:
            self._answers_anywhere = self._learned().answer(self._version())
        if not self._answers_anywhere:
            return False
        try:
            answer = self._answer_outside(event.shopper)
        except Exception as error:  # noqa: BLE001  it said yes in the request: that holds
            self._guard.report(self._answer, error)
            return False
        return answer is False or (answer is None and self._opt_in)

    def _version(self) -> str:
        """Tells the function from others, and from what it was before a change of the shop's."""
        reader: Any = self._hooks.consent
        code = getattr(inspect.unwrap(reader), "__code__", None)
        named = reader if code else type(reader)
        text = f"{named.__module__}:{named.__qualname__}".encode()
        if code:
            text += code.co_code + repr(code.co_names).encode()
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def _answer_outside(self, shopper: Shopper | None) -> bool | None:
        def within_app() -> bool | None:
            with self._app.app_context():
                return self._answer(shopper)

        return Context().run(within_app)

    def _answer(self, shopper: Shopper | None) -> bool | None:
        reader = self._hooks.consent
        if reader is None:
            return None
        ask = self._app.ensure_sync(reader)
        return decision_of(ask(shopper) if takes_arguments(reader) else ask())
