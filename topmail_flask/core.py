"""What a feature may know of one app: settings, guard, tracker, delivery, page reader.

It knows no feature. Each part is loaded and made for the first page that needs it: a store starts
in the time that a few modules take.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import ref

from flask import Flask, Request, current_app

from topmail_flask.delivery.files import HAS_LOCKS
from topmail_flask.flask_page import FlaskPage
from topmail_flask.guard import Guard
from topmail_flask.model.decision import Decision
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.settings import Settings
from topmail_flask.page_reader import PageReader
from topmail_flask.shoppers import (
    ConsentFunction,
    FlaskShopperSource,
    Hooks,
    NamedShopper,
    Resolver,
)
from topmail_flask.signals import OutcomeSignals

if TYPE_CHECKING:
    from topmail_flask.delivery.delivery import Delivery
    from topmail_flask.delivery.receivers import Receivers
    from topmail_flask.tracker import Tracker

NAME = "topmail"
T = TypeVar("T")


class cached_once(Generic[T]):  # noqa: N801  used like functools.cached_property
    """Like :class:`functools.cached_property`, but the first value that was made is everybody's.

    Python 3.12 took the lock out of that; here two threads may make two, and both get one.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # looked at on the class
        made: T = instance.__dict__.setdefault(self._name, self._make(instance))
        return made


class Core:
    """One app's settings and what is made of them.

    :ivar watchers: called with every decision about a page: the command line and the testing kit
        listen here.
    :ivar identified: who the store itself says that the shopper is; a feature sets it.
    :ivar source_type: how the shopper of a request is found; the testing kit sets another one.
    """

    def __init__(self, app: Flask, settings: Settings, hooks: Hooks) -> None:
        self.app = app
        self.settings = settings
        self.hooks = hooks
        self.guard = Guard()
        self.guard.share, self.guard.shared = self._note_trouble, self._trouble
        self.watchers: list[Callable[[Decision], None]] = []
        self.identified: Resolver = lambda _: None
        self.source_type = FlaskShopperSource
        self.outcomes = OutcomeSignals(app, self.guard)
        self.consent = ConsentFunction(
            app, hooks, self.guard, settings, lambda: self.delivery.learned
        )
        self.reader = PageReader(app, settings, hooks.adapters, self.guard)
        self.reader.may_count = self.may_count
        self.reader.is_asked = lambda: bool(self.watchers)

    @property
    def name(self) -> str:
        """Tells this app from others in the files of one machine."""
        return f"{self.app.import_name}:{self.app.name}"

    @property
    def owner(self) -> bytes:
        """Tells this shop from others that run the same program: by its ``SECRET_KEY`` and its
        site, as far as it names them.
        """
        return self._secret_key + (self.settings.site_url or "").encode()

    @property
    def _secret_key(self) -> bytes:
        secret = self.app.secret_key or ""
        return secret.encode() if isinstance(secret, str) else secret

    @cached_once
    def secret(self) -> bytes:
        """Keys the digests of shoppers and visits: the app's own secret, else the API key."""
        if self._secret_key:
            return self._secret_key
        key = self.settings.api_key
        # Without a key nothing is sent: no other process has to agree.
        return key.reveal().encode() if key is not None else os.urandom(16)

    @property
    def outbox_root(self) -> Path | None:
        """Where the directories of this app's files are; None: nothing is kept on disk."""
        directory = self.settings.outbox or "topmail"
        # A relative path is not the working directory's: commands and cron jobs have another.
        is_kept = directory != ":memory:" and HAS_LOCKS
        return Path(self.app.instance_path, directory) if is_kept else None

    @cached_once
    def delivery(self) -> Delivery:
        """The way to TopMail; opens nothing before the first view."""
        return self.delivery_by(self.settings)

    def delivery_by(self, settings: Settings) -> Delivery:
        """Another way to TopMail for the same app, by other settings."""
        # Half of the package: loaded with the first page, not at the start of the store.
        from topmail_flask.delivery.delivery import Delivery, Shop  # noqa: PLC0415

        return Delivery(
            settings,
            Shop(self.name, self.secret, self.owner),
            self.outbox_root,
            receivers=self.receivers,
            celery=partial(_celery_of, ref(self.app)),
        )

    @property
    def receivers(self) -> Receivers:
        """Told what becomes of this app's views."""
        from topmail_flask.delivery.receivers import Receivers  # noqa: PLC0415  as above

        return Receivers(
            self.outcomes.delivered,
            self.outcomes.dropped,
            self.consent.is_withdrawn,
            self.outcomes.are_heard,
        )

    @cached_once
    def tracker(self) -> Tracker:
        """Decides about this app's pages."""
        from topmail_flask.tracker import Shop, Tracker  # noqa: PLC0415  as for the delivery

        return Tracker(
            self.settings,
            self.delivery,
            self.secret,
            Shop(
                sender=self.app,
                guard=self.guard,
                before_send=self.hooks.before_send,
                is_enabled=self.is_enabled,
                has_watchers=self.has_watchers,
                requests=self.reader.requests,
            ),
        )

    def _note_trouble(self, what: str) -> None:
        self.delivery.note_trouble(what)

    def _trouble(self) -> str:
        return self.delivery.trouble()

    def is_enabled(self) -> bool:
        """Whether views may be sent: there is a key, and no test is running unless it asks."""
        key, enabled = self.settings.api_key, self.settings.enabled
        if key is None:
            return False
        return not self.app.config["TESTING"] if enabled is None else enabled

    def has_watchers(self) -> bool:
        """Whether anybody wants to know more of views that are not sent than their number."""
        settings = self.settings
        return bool(
            self.watchers or settings.backfill or settings.debug_header or self.app.config["DEBUG"]
        )

    def tells_browser(self) -> bool:
        """Whether pages say what was decided about them."""
        return self.settings.debug_header or bool(self.app.config["DEBUG"])

    def visitor_of(self, page: FlaskPage) -> FlaskShopperSource | NamedShopper:
        """Who made the request of a page; asked once."""
        visitor = page.visitor
        if visitor is None:
            visitor = page.visitor = self.source_type(
                self.app, self.hooks, page.request, self.consent.ask, self.identified
            )
        return visitor

    def may_count(self, page: FlaskPage) -> bool:
        """Whether anybody wants to know what a page shows, before its response is final."""
        if page.refusals is None:
            page.refusals = self.reader.requests.refusals(page.environ)
        if page.refusals[page.marked] is not None and not page.explicit:
            return False
        return not self.visitor_of(page).is_surely_nobody() or self.tracker.is_heard()

    def shopper_source(self, request: Request) -> FlaskShopperSource:
        """Who made the request; nobody is asked yet."""
        return self.source_type(self.app, self.hooks, request, self.consent.ask, self.identified)

    def stats(self) -> Stats:
        """The books of the outbox, with this process's own refusals among the reasons."""
        return self.delivery.stats().with_refusals(self.guard.count(self.tracker.refusals))

    def health(self) -> Health:
        """Whether views reach TopMail; under a test that sends nothing, as the pages say it."""
        if not self.tracker.is_enabled():
            return Health("disabled")
        return self.guard.judge(self.delivery.health())


def core_of(app: Flask | None = None) -> Core:
    """What the extension knows of ``app``, or of the current one.

    :raises ConfigurationError: the app has no extension.
    """
    state = (app or current_app).extensions.get(NAME)
    core = getattr(state, "core", None)
    if not isinstance(core, Core):
        raise ConfigurationError(
            "this app has no TopMail. Call topmail.init_app(app) in its factory"
        )
    return core


def _celery_of(app: Callable[[], Flask | None]) -> Any:
    """The Celery app of a Flask app that may be gone."""
    shop = app()
    return shop.extensions.get("celery") if shop is not None else None
