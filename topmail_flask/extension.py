"""The Flask extension."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, TypedDict, TypeVar, Unpack

from flask import Flask, has_request_context
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from topmail_flask.app import AppState, state_of
from topmail_flask.cli import is_in_command, topmail_commands
from topmail_flask.core import NAME, core_of
from topmail_flask.guard import must_take
from topmail_flask.model.errors import ConfigurationError, WrongAnswer
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.shoppers import Hooks, takes_arguments

_BEACON_TAKES = (
    "takes one product or none, and variants=[...], nonce=, fields={...}; it prints nothing"
)
F = TypeVar("F", bound=Callable[..., Any])
_REMOVED_FROM_TEMPLATES = (
    "topmail_recently_viewed",
    "topmail_recently_viewed_fragment",
    "topmail_also_viewed",
)


class Attribution(TypedDict, total=False):
    """What else a conversion may tell."""

    metadata: Mapping[str, object] | None
    campaign_id: str | None
    flow_id: str | None


class TopMail:
    """Product views of a Flask store, delivered to TopMail.

    .. code-block:: python

        topmail = TopMail()  # or TopMail(app)
        topmail.init_app(app)

    One object may serve several apps; what belongs to an app lives on that app. The functions given
    to the decorators below are shared by all apps of the object; each runs inside the request (an
    ``async def`` through :meth:`flask.Flask.ensure_sync`). One that raises costs the view, with the
    reason ``hook_failed``, and never the page.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._hooks = Hooks()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's ``TOPMAIL_*`` settings and watch its pages.

        Opens no thread, file or socket: these come with the first view.

        :raises ConfigurationError: a setting is unknown or wrong, another TopMail object watches
            the app already, or the app has served requests.
        """
        if not isinstance(app, Flask):
            raise ConfigurationError(
                f"TopMail takes the Flask app, not {type(app).__name__}. Settings are keys of "
                "app.config, such as TOPMAIL_API_KEY"
            )
        state = app.extensions.get(NAME)
        if isinstance(state, AppState):
            if state.core.hooks is self._hooks:
                return
            raise ConfigurationError(f"{app.name} has a TopMail object already. Use that one")
        if app._got_first_request:  # noqa: SLF001  Flask offers no other way to ask
            raise ConfigurationError("call topmail.init_app(app) before the first request")
        state = AppState(app, Settings.from_config(app.config), self._hooks)
        app.extensions[NAME] = state
        state.watch()
        app.jinja_env.globals["topmail_product"] = _topmail_product
        app.jinja_env.globals["topmail_beacon"] = topmail_beacon
        for name in _REMOVED_FROM_TEMPLATES:
            app.jinja_env.globals[name] = partial(_say_removed, f"{name}()")
        app.cli.add_command(topmail_commands)  # as the plugin, for app.test_cli_runner()
        _log_start(app, state.core.settings)

    def track(
        self,
        product: object,
        *,
        fields: Mapping[str, object] | None = None,
        shopper: Shopper | str | None = None,
        url: str | None = None,
        consent: bool | None = None,
    ) -> None:
        """Declare that a shopper sees a product: quick views, JSON, GraphQL, odd templates, jobs.

        In a request it counts once the answer is a success, whatever its method is; to a GET the
        same rules and reasons apply as to a page. Outside of a request, in an app context (a job, a
        command), ``shopper`` and ``url`` must be given, and ``consent=True`` must be said.

        :param product: a :class:`~topmail_flask.Product`, or anything it can be read from.
        :param fields: as for :func:`~topmail_flask.product_page`.
        :param shopper: who sees it, where that is not the shopper of the request. Together with
            ``consent=True`` nothing else is asked of the request: it may be a webhook's.
        :param url: of the product's page, absolute or relative to ``TOPMAIL_SITE_URL``.
        :param consent: what the shopper decided. Default: as for a page.
        :raises RuntimeError: outside of a request, and one of the three is missing.
        """
        if has_request_context():
            state_of(None).track(product, fields, shopper, url, consent)
            return
        missing = {"shopper=": not shopper, "url=": not url, "consent=True": consent is not True}
        if any(missing.values()):
            needed = ", ".join(name for name, lacks in missing.items() if lacks)
            raise RuntimeError(
                "outside of a request topmail.track() must be told who saw it, where, and that "
                f"they agreed: {needed} is missing"
            )
        state_of(None).events.view(product, fields, shopper, url or "")

    def track_purchase(
        self,
        order_id: object,
        *,
        revenue: object = None,
        currency: str | None = None,
        shopper: Shopper | str | None = None,
        items: Iterable[Mapping[str, object]] = (),
        consent: bool | None = None,
        **attribution: Unpack[Attribution],
    ) -> None:
        """Record that an order was placed, as a conversion in TopMail.

        Whether that ends the flows that the shopper's views began is set in TopMail's dashboard.

        Call it where the order is certain, as often as you like: an order counts once. Views of the
        shopper that still wait are dropped, with the reason ``purchased``. The request writes one
        line to a file; it never waits and, for whatever TopMail says, never fails.

        :param order_id: your number of the order, 1 to 100 characters.
        :param revenue: a Decimal, number or text like ``"9.99"`` of 0 or more.
        :param currency: ISO 4217 code of ``revenue``. Default: ``TOPMAIL_CURRENCY``.
        :param shopper: who bought, where that is not the shopper of the request: a guest's e-mail
            address, the buyer of a webhook, a background job's (inside an app context).
        :param items: what was bought, objects of JSON; sent as ``metadata["items"]``.
        :param consent: what the shopper decided. Default: as for a view. Together with ``shopper``
            True asks nothing of the request: it may be staff's or a webhook's.
        :param attribution: ``metadata``, an object of JSON; ``campaign_id`` and ``flow_id``,
            TopMail's UUIDs of what the order is attributed to.
        :raises RuntimeError: outside of a request, and without a ``shopper``.
        """
        _need_shopper("track_purchase", shopper)
        values = {"revenue": revenue, "currency": currency, "items": items, **attribution}
        state_of(None).events.purchase(order_id, (shopper, consent), values)

    def track_conversion(
        self,
        type: str = "custom",  # noqa: A002  as TopMail calls it
        *,
        shopper: Shopper | str | None = None,
        once: object = None,
        revenue: object = None,
        currency: str | None = None,
        consent: bool | None = None,
        **attribution: Unpack[Attribution],
    ) -> None:
        """Record another conversion than a purchase; everything else is as for one.

        :param type: ``"signup"``, ``"upgrade"`` or ``"custom"``.
        :param once: your name for it: it counts once per shopper and name.
        :raises RuntimeError: outside of a request, and without a ``shopper``.
        """
        _need_shopper("track_conversion", shopper)
        values = {"revenue": revenue, "currency": currency, "once": once, **attribution}
        state_of(None).events.conversion(type, (shopper, consent), values)

    def trigger(
        self,
        automation: str,
        *,
        shopper: Shopper | str | None = None,
        data: Mapping[str, object] | None = None,
        once: object = None,
        after: timedelta | None = None,
        consent: bool | None = None,
    ) -> None:
        """Start an automation of TopMail for a shopper: cart, checkout, back in stock, price drop.

        The rules about the shopper count as for a view. The request writes one line to a file; it
        never waits and, for whatever TopMail says, never fails.

        :param automation: a name of ``TOPMAIL_AUTOMATIONS``.
        :param shopper: for whom, where that is not the shopper of the request.
        :param data: an object of JSON that the automation is given (``trigger_data``).
        :param once: your name for it, 1 to 100 characters: it happens once per shopper and name,
            whatever the automation, for 90 days (the newest 20,000 names).
        :param after: how long to wait before, at most half of ``TOPMAIL_MAX_AGE``. It can be taken
            back until then, see :meth:`cancel`.
        :param consent: what the shopper decided, as in :meth:`track_purchase`.
        :raises RuntimeError: outside of a request, and without a ``shopper``.
        """
        _need_shopper("trigger", shopper)
        values = {"data": data, "once": once}
        state_of(None).events.trigger(automation, (shopper, consent), after, values)

    def cancel(self, once: object) -> None:
        """Take back what was triggered under this name and still waits, whoever's it is.

        It may be triggered anew then. What was sent is sent.
        """
        state_of(None).events.cancel(once)

    def address_changed(self, old: Shopper | str, new: Shopper | str) -> None:
        """A shopper has another e-mail address: what still waits goes there, in its order.

        The contact itself is the shop's to change, by ``TopMailClient.update_contact``. What
        was tried already keeps its address: sent twice, it counts once.
        """
        state_of(None).events.address_changed(old, new)

    def identify(self, *, email: str | None = None, contact_id: str | None = None) -> bool:
        """Remember who this visitor is: at a newsletter sign-up, a checkout or a guest's order.

        Call it with what the visitor has just told. Their browser gets a sealed, HttpOnly cookie
        for ``TOPMAIL_IDENTITY_AGE``; views count from then on. It is set only with the visitor's
        consent (as for a view), not in an excluded request, not while somebody else is logged in,
        and not on an answer that caches may keep. A shopper who is logged in always comes first.

        :param email: the contact's e-mail address.
        :param contact_id: TopMail's id of the contact; sent in place of the address.
        :returns: whether the visitor is known now. Why not is in the log, without the address.
        :raises RuntimeError: outside of a request.
        """
        if not has_request_context():
            raise RuntimeError("topmail.identify() needs a request: it sets a cookie")
        return state_of(None).identify.identify(email, contact_id)

    def forget(self) -> None:
        """Forget who this visitor is: at a log-out. Deletes what :meth:`identify` made.

        Nothing that waits is dropped, and TopMail keeps the contact: for an erasure there is
        ``flask topmail forget EMAIL``.

        :raises RuntimeError: outside of a request.
        """
        if not has_request_context():
            raise RuntimeError("topmail.forget() needs a request: it deletes a cookie")
        state_of(None).identify.forget()

    def sign_link(self, url: str, contact: Shopper | str, app: Flask | None = None) -> str:
        """``url`` for a mail to ``contact``: who follows it within ``TOPMAIL_LINK_AGE`` is known.

        The token (``?tm=…``, unreadable to others) is taken out by a redirect before the page is
        shown. It logs nobody in, opens nothing, and never replaces somebody who is known in that
        browser already.

        :param url: an address of this store, absolute or relative to ``TOPMAIL_SITE_URL``.
        :param contact: whose mail it is: a :class:`~topmail_flask.Shopper` or an e-mail address.
        :raises InvalidValueError: the address is another site's, or no such shopper can be.
        :raises ConfigurationError: there is no ``SECRET_KEY``, no address of the store, or the
            extra ``identify`` is not installed.
        """
        return state_of(app).identify.sign_link(url, contact)

    def shopper_loader(self, loader: F) -> F:
        """Who the shopper is: returns a :class:`~topmail_flask.Shopper`, an e-mail address or None.

        Without it the ``current_user`` of Flask-Login and its ``email`` are used, if it is there.
        """
        must_take(loader, "@topmail.shopper_loader")
        self._hooks.shopper_loader = loader
        return loader

    def product_adapter(self, model: type) -> Callable[[F], F]:
        """How an object of ``model`` (or a subclass) becomes a :class:`~topmail_flask.Product`."""

        def register(adapter: F) -> F:
            must_take(adapter, "@topmail.product_adapter", "product")
            self._hooks.adapters[model] = adapter
            return adapter

        return register

    def before_send(self, hook: F) -> F:
        """Takes each view before it is sent; returns it, a changed one, or None for no view."""
        must_take(hook, "@topmail.before_send", "view")
        self._hooks.before_send.append(hook)
        return hook

    def exclude(self, rule: F) -> F:
        """Takes nothing and says whether this request is left out: staff, paths, whole tenants."""
        must_take(rule, "@topmail.exclude")
        self._hooks.exclude.append(rule)
        return rule

    def consent(self, reader: F) -> F:
        """Whether the shopper agreed to tracking: True, False, or None (no decision yet).

        It takes nothing, or the :class:`~topmail_flask.Shopper` (or None), and is asked before
        anything is stored. If it can answer outside of a request as well, because it asks the
        shop's database and not a cookie, it is asked again before a view is sent. A False drops
        what waits for the shopper. Without it the cookies of common consent banners are read.
        """
        has_parameters = callable(reader) and takes_arguments(reader)
        must_take(reader, "@topmail.consent", *(["shopper"] if has_parameters else []))
        self._hooks.consent = reader
        return reader

    def __getattr__(self, name: str) -> Any:
        if name in ("products_by_id", "keep_looks_in"):
            _say_removed(f"topmail.{name}")
        if name == "product_page":
            raise AttributeError("write: from topmail_flask import product_page", name=name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def stats(self, app: Flask | None = None) -> Stats:
        """Counts of views; they always balance. ``app``: default the current one."""
        return core_of(app).stats()

    def health(self, app: Flask | None = None) -> Health:
        """Whether views reach TopMail, and if not, why and what to do."""
        return core_of(app).health()

    def flush(self, timeout: float = 10.0, app: Flask | None = None) -> bool:
        """Wait until nothing waits for delivery any more; for scripts and tests.

        :param timeout: seconds to wait at the most.
        :returns: whether all views have left.
        """
        return core_of(app).delivery.flush(timeout)


def _need_shopper(call: str, shopper: object) -> None:
    if shopper is None and not has_request_context():
        raise RuntimeError(f"topmail.{call}() needs a request, or a shopper")


def _log_start(app: Flask, settings: Settings) -> None:
    """One line that says whether views will be sent. Flask shows it in debug mode.

    Without a key it is a warning, which Flask shows always: a store whose key got lost must not
    look healthy. Not in tests and commands, where nobody waits for views; and
    ``TOPMAIL_ENABLED = False`` says that no key is meant.
    """
    if settings.enabled is False:
        app.logger.info("TopMail: no views are sent: TOPMAIL_ENABLED is False")
    elif settings.api_key is None:
        app.logger.log(
            logging.INFO if app.testing or is_in_command() else logging.WARNING,
            "TopMail: no views are sent: TOPMAIL_API_KEY is %s. Set it to a key, or to the one "
            "that `flask topmail sandbox` prints; where none is meant: TOPMAIL_ENABLED = False",
            "not set" if app.config.get("TOPMAIL_API_KEY") is None else "empty",
        )
    else:
        app.logger.info(
            "TopMail: product views of %s are sent to %s, key …%s",
            settings.site_url or app.name,
            settings.base_url,
            settings.api_key.reveal()[-4:],
        )


def _say_removed(name: str, *_args: object, **_named: object) -> NoReturn:
    raise ConfigurationError(
        f"{name} is gone: a store shows what was looked at by itself, with the signal "
        "product_viewed. The how-to page recently-viewed has the lines for it"
    )


def _topmail_product(*products: object, **fields: object) -> Markup:
    """``{{ topmail_product(product) }}``: declares the page's product, prints nothing.

    No call of it may break the page: without a product it declares what cannot be one.
    """
    if has_request_context():
        for product in products or (None,):
            state_of(None).declare(product, fields or None)
    return Markup("")


@pass_context
def topmail_beacon(
    context: Context,
    product: object = None,
    *others: object,
    variants: Iterable[object] = (),
    nonce: str | None = None,
    fields: Mapping[str, object] | None = None,
    **unknown: object,
) -> Markup:
    """``{{ topmail_beacon() }}``: the page's browser tells when the page is really seen."""
    if not has_request_context():
        return Markup("")
    state = state_of(None)
    if others or unknown or not isinstance(variants, Iterable):
        state.guard.report(topmail_beacon, WrongAnswer(_BEACON_TAKES))
        return Markup("")
    return state.beacon_tag(
        context.get_all(), product, variants=variants, nonce=nonce, fields=fields
    )
