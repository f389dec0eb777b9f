"""Every setting, declared once: name, type, default, check and sentence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from topmail_flask.domain import setting_checks as check
from topmail_flask.domain.errors import ConfigurationError
from topmail_flask.domain.secret import Secret
from topmail_flask.domain.setting_checks import Check, Timeout

PREFIX = "TOPMAIL_"


def setting(default: Any, checked: Check, sentence: str) -> Any:
    """A field of :class:`Settings` with its check and the sentence of the reference page."""
    return field(default=default, metadata={"check": checked, "sentence": sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the shop configured, checked at start.

    In Flask's configuration every name is in upper case behind ``TOPMAIL_``; the WSGI middleware
    takes the names as they stand here.

    :raises ConfigurationError: a wrong value; the message names the key and the cure.
    """

    api_key: Secret | None = setting(
        None,
        check.api_key,
        "TopMail API key, `tm_live_…` or `tm_test_…`. Without one, or empty: nothing is sent.",
    )
    base_url: str = setting(
        "https://api.topmail.so/api/v1",
        check.base_url,
        "Address of the API: https, or http on this machine (the sandbox).",
    )
    enabled: bool | None = setting(
        None,
        check.boolean,
        "False: nothing is sent. Unset: views are sent unless the app is under `TESTING`.",
    )
    site_url: str | None = setting(
        None,
        check.site_url,
        "The shop's public address, e.g. `https://shop.example`. Unset: the request's address.",
    )
    currency: str | None = setting(
        None,
        check.currency,
        "ISO 4217 code of prices that name no currency. Unset: such prices are not sent.",
    )
    price_unit: str = setting(
        "major",
        check.one_of("major", "minor"),
        "`minor`: prices of objects and template variables are in cents (pence, sen …).",
    )
    decimal: str | None = setting(
        None,
        check.one_of(".", ","),
        "Decimal sign of price texts that could be read both ways, like `1.234`.",
    )
    template_variables: tuple[str, ...] = setting(
        (),
        check.names,
        "Names of template variables that hold the product, after `product` and `item`.",
    )
    image_base: str | Callable[[str], str | None] | None = setting(
        None,
        check.image_base,
        "URL prefix for image file names, or a callable from the image's name to its URL.",
    )
    url_args: tuple[str, ...] = setting(
        (),
        check.names,
        "Query arguments that identify a product, like `id`; all others leave the product's URL.",
    )
    variant_args: tuple[str, ...] = setting(
        ("variant", "variant_id", "sku", "v"),
        check.names,
        "Query or route arguments that choose a variant.",
    )
    variant_mode: str = setting(
        "group",
        check.one_of("group", "sku"),
        "`sku`: the id of the chosen variant is the product's id, for catalogues kept per SKU.",
    )
    id_from: tuple[str, ...] = setting(
        (),
        check.id_kinds,
        "Kinds of identifiers to take a product's id from, the first one found. "
        "Unset: group, productID, retailer_id, sku, gtin, mpn, url.",
    )
    max_page_bytes: int = setting(
        2 * 1024 * 1024,
        check.integer(0, 64 * 1024 * 1024),
        "Larger pages are not read for products.",
    )
    robots: tuple[str, ...] = setting(
        check.ROBOT_KINDS,
        check.robot_kinds,
        "Kinds of robots whose visits do not count: search, ai, preview, monitor, tool. Leave out "
        "`tool` where automated browsers test the store.",
    )
    repeat_window: float = setting(
        60.0,
        check.seconds(0, 86_400),
        "Seconds within which the same product (and variant) seen by the same shopper counts once.",
    )
    beacon_max_age: float = setting(
        7 * 86_400.0,
        check.seconds(60, 366 * 86_400),
        "Seconds (or a timedelta) for which a page's beacon counts; longer than caches keep pages.",
    )
    sample_rate: float = setting(
        1.0, check.number(0, 1), "Share of the shoppers whose views are sent; stable per shopper."
    )
    consent: str = setting(
        "opt-out",
        check.one_of("opt-out", "opt-in"),
        "`opt-in`: no view without the shopper's consent; `opt-out`: none after a refusal.",
    )
    honor_gpc: bool = setting(True, check.boolean, "Respect `Sec-GPC: 1` (Global Privacy Control).")
    honor_dnt: bool = setting(False, check.boolean, "Respect `DNT: 1` (Do Not Track).")
    identity_age: float = setting(
        180 * 86_400.0,
        check.seconds(3_600, 395 * 86_400),
        "Seconds (or a timedelta) for which `topmail.identify` is remembered in a browser.",
    )
    link_age: float = setting(
        30 * 86_400.0,
        check.seconds(60, 395 * 86_400),
        "Seconds (or a timedelta) for which a link of `topmail.sign_link` names its shopper, and "
        "for which the browser then remembers it.",
    )
    backfill: int = setting(
        0,
        check.integer(0, 20),
        "Products of this visit that are sent when its shopper becomes known; 0: none.",
    )
    debug_header: bool = setting(
        False, check.boolean, "Tell every decision in an `X-TopMail` header, as with `app.debug`."
    )
    outbox: str | None = setting(
        None,
        check.outbox,
        "Directory of the journal and the outbox, on a local disk. Unset: `topmail` in the app's "
        "instance folder. `:memory:`: nothing is kept on disk.",
    )
    synchronous: str = setting(
        "NORMAL",
        check.one_of("NORMAL", "FULL"),
        "`FULL`: the outbox survives a power cut to the last view, at the price of slower writes.",
    )
    max_rows: int = setting(
        100_000,
        check.integer(100, 10_000_000),
        "Views the outbox holds; then the oldest is dropped.",
    )
    max_bytes: int = setting(
        64 * 1024 * 1024,
        check.integer(1024 * 1024, 16 * 1024**3),
        "Bytes the outbox holds; then the oldest view is dropped.",
    )
    delivery: str = setting(
        "background",
        check.one_of("background", "process", "worker", "celery"),
        "Who sends: `background`, a thread of one store process; `process`, a process beside the "
        "store, whose interpreter it leaves alone; `worker`, `flask topmail drain` only; `celery`, "
        "workers on any machine. `view_delivered` and `view_dropped` are sent in a store process; "
        "with `worker` in the drain, with `celery` in the worker.",
    )
    senders: int = setting(4, check.integer(1, 64), "Calls under way at once, on this machine.")
    rate: float = setting(50.0, check.number(0.01, 10_000), "Calls per second at the most.")
    timeout: Timeout = setting(
        (3.05, 5.0),
        check.timeout,
        "Seconds to connect and to wait for an answer: a pair, or one number for both.",
    )
    max_age: float = setting(
        86_400.0,
        check.seconds(1_800, 259_200),
        "Seconds (or a timedelta) after which a waiting view is not sent any more.",
    )
    dead_letter_age: float = setting(
        7 * 86_400.0,
        check.seconds(0, 90 * 86_400),
        "Seconds (or a timedelta) to keep dead letters.",
    )
    shutdown_timeout: float = setting(
        2.0, check.seconds(0, 60), "Seconds that the end of the process may wait for delivery."
    )
    unknown_contacts: str = setting(
        "skip",
        check.one_of("skip", "create"),
        "`create`: shoppers unknown to TopMail become contacts, not subscribed.",
    )
    proxy: Secret | None = setting(
        None, check.proxy, "Proxy for calls to the API. Proxies of the environment are not used."
    )
    ca: str | None = setting(None, check.ca_bundle, "File of CA certificates instead of certifi's.")

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is one.default:
                continue
            try:
                object.__setattr__(self, one.name, one.metadata["check"](value))
            except ValueError as error:
                raise ConfigurationError(f"{PREFIX}{one.name.upper()} {error}") from None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """The settings of a Flask configuration: all its keys that begin with ``TOPMAIL_``.

        :raises ConfigurationError: an unknown key (with a guess what was meant) or a wrong value.
        """
        try:
            return cls._of(config)
        except ConfigurationError as error:
            problem = str(error)
        # Raised anew, here: error trackers ship the frames of an error, and those hold the key.
        del config
        raise ConfigurationError(problem)

    @classmethod
    def _of(cls, config: Mapping[str, Any]) -> Settings:
        known = {PREFIX + one.name.upper(): one for one in fields(cls)}
        chosen: dict[str, Any] = {}
        for key, value in config.items():
            if not isinstance(key, str) or not key.startswith(PREFIX):
                continue
            if key not in known:
                guess = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
                hint = f"Did you mean {guess[0]}?" if guess else "See docs: settings."
                raise ConfigurationError(f"{key} is no setting of topmail_flask. {hint}")
            if value is None and known[key].default not in (None, MISSING):
                continue
            chosen[known[key].name] = value
        return cls(**chosen)
