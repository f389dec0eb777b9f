"""Every setting, declared once: name, type, default, check and sentence."""

from __future__ import annotations

import difflib
import ipaddress
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from topmail_flask.model.errors import ConfigurationError, InvalidValueError
from topmail_flask.model.text import web_address


class Secret:
    """A key or a password: all but :meth:`reveal` shows its ends only (``tm_live_****abcd``).

    It may be compared, copied and used as a dictionary's key; a pickle of it cannot be made.
    """

    __slots__ = ("__reveal",)

    def __init__(self, text: str) -> None:
        # A closure: no attribute holds the text, so no dump of attributes shows it.
        def reveal() -> str:
            return text

        self.__reveal = reveal

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self.__reveal()

    def __str__(self) -> str:
        text = self.reveal()
        return f"{text[:8]}****{text[-4:]}" if len(text) > 16 else "****"

    def __repr__(self) -> str:
        return f"<Secret {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a Secret cannot be pickled")


Check = Callable[[Any], Any]
Timeout = tuple[float, float]
ROBOT_KINDS = ("search", "ai", "preview", "monitor", "tool")
log = logging.getLogger("topmail_flask")
ID_KINDS = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "url")
_WITHOUT_SCHEME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?(/[^\s@]*)?", re.IGNORECASE)
_LOOPBACK = re.compile(r"(localhost|.*\.localhost|127(\.\d{1,3}){3}|::1)\Z")
# Names that nobody can own on the internet: without a dot, as a container's, and reserved ones.
_PRIVATE_NAME = re.compile(r"[a-z](?:[a-z0-9_-]*|[a-z0-9._-]*\.(?:internal|local|test))\Z")
_PRIVATE_NETWORKS = tuple(  # RFC 1918, RFC 4193
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)


def api_key(value: Any) -> Secret | None:
    """A blank text is no key: so an unset variable reaches the store through a compose file."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and not value.strip():
        return None
    if not isinstance(value, str) or not re.fullmatch(
        r"tm_(live|test)_[A-Za-z0-9_-]{4,200}", value
    ):
        raise ValueError(
            "must be a TopMail API key: tm_live_ or tm_test_, then 4 to 200 letters or digits"
        )
    return Secret(value)


def base_url(value: Any) -> str:
    address = _address(value, "must be the URL of the API, e.g. https://api.topmail.so/api/v1")
    parts = urlsplit(value.strip())
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no user name, query or fragment")
    host = parts.hostname or ""
    if parts.scheme.lower() == "http" and not (_LOOPBACK.match(host) or _is_private(host)):
        raise ValueError(
            "must begin with https:// (http:// is for this machine and, with a tm_test_ key, for "
            "private names and addresses)"
        )
    return address.rstrip("/")


def _is_private(host: str) -> bool:
    """Whether only a network of the shop's own can have a host of this name or address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _PRIVATE_NAME.match(host) is not None
    return any(address in network for network in _PRIVATE_NETWORKS)


def site_url(value: Any) -> str:
    if isinstance(value, str) and _WITHOUT_SCHEME.fullmatch(value.strip()):
        raise ValueError(f"must begin with https://. Write https://{value.strip()}")
    address = _address(value, "must be the shop's address, e.g. https://shop.example")
    if urlsplit(address).query:
        raise ValueError("must have no query")
    return address.rstrip("/")


def proxy(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a proxy's URL, e.g. http://proxy.example:3128")
    return Secret(value)


def ca_bundle(value: Any) -> str:
    path = _path(value)
    if not Path(path).is_file():
        raise ValueError("must be an existing file of CA certificates (PEM)")
    return path


def outbox(value: Any) -> str:
    path = _path(value)
    if not path or "\0" in path:
        raise ValueError('must be a directory, or ":memory:"')
    return os.path.expanduser(path)


def _path(value: Any) -> str:
    """A path that the process can open, also where its locale knows ASCII only."""
    path = str(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else ""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return os.fsdecode(path.encode("utf-8", "surrogateescape"))
    return path


def url_prefix(value: Any) -> str:
    path = value.rstrip("/") if isinstance(value, str) else ""
    if (
        not re.fullmatch(r"(?:/[\w.~-]+)+", path, re.ASCII)
        or "." in path.split("/")
        or ".." in path
    ):
        raise ValueError('must be a path of letters, digits, "-", "_", e.g. /_shopfront')
    return path


def currency(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{3}", value.strip()):
        raise ValueError("must be a three-letter ISO 4217 code, e.g. 'EUR'")
    return value.strip().upper()


def boolean(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(map(repr, choices))}")
        return str(value)

    return check


def delivery(value: Any) -> str:
    if value == "process":
        raise ValueError(
            "has no 'process' any more: set 'worker', and run `flask topmail drain --follow` "
            "under systemd, supervisor, a Procfile or as a sidecar"
        )
    return one_of("background", "worker", "celery")(value)  # type: ignore[no-any-return]


def number(low: float, high: float, what: str = "a number") -> Check:
    def check(value: Any) -> float:
        try:
            result = float("nan" if isinstance(value, bool) else value)
        except (TypeError, ValueError, OverflowError):
            result = math.nan
        if not low <= result <= high:
            raise ValueError(f"must be {what} from {low:g} to {high:g}")
        return result

    return check


def seconds(low: float, high: float) -> Check:
    plain = number(low, high, "seconds (or a timedelta)")
    return lambda value: plain(value.total_seconds() if isinstance(value, timedelta) else value)


def integer(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        try:
            result = int(value) if isinstance(value, (int, str)) else low - 1
        except ValueError:
            result = low - 1
        if isinstance(value, bool) or not low <= result <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return result

    return check


def timeout(value: Any) -> Timeout:
    limit = seconds(0.01, 60)
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError("must be seconds, or a pair: (to connect, to wait for an answer)")
        return limit(value[0]), limit(value[1])
    return limit(value), limit(value)


def names(value: Any) -> tuple[str, ...]:
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, (tuple, list)) or not all(isinstance(text, str) for text in texts):
        raise ValueError("must be a list of names")
    return tuple(texts)


def id_kinds(value: Any) -> tuple[str, ...]:
    kinds = names(value)
    if not kinds or not set(kinds) <= set(ID_KINDS):
        raise ValueError(f"must be a list of these: {', '.join(ID_KINDS)}")
    return kinds


def uuid_text(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError("must be a UUID, as TopMail shows it") from None


def automations(value: Any) -> tuple[tuple[str, str], ...]:
    wrong = 'must be a dictionary of names and ids: {"cart": "<id>"}'
    try:
        pairs = dict(value)
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    for name, automation_id in pairs.items():
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,100}", str(automation_id)):
            raise ValueError(wrong)
    return tuple((name, str(automation_id)) for name, automation_id in pairs.items())


def robot_kinds(value: Any) -> tuple[str, ...]:
    kinds = names(value)
    if not set(kinds) <= set(ROBOT_KINDS):
        raise ValueError(f"must be a list of these: {', '.join(ROBOT_KINDS)}")
    return kinds


def image_base(value: Any) -> Any:
    if callable(value):
        return value
    if isinstance(value, str) and value.startswith("/") and not value.startswith("//"):
        return value
    return _address(value, "must be a URL, a path that begins with /, or a callable")


def product_url(value: Any) -> Any:
    if callable(value):
        return value
    named = {"id": "1", "sku": "1", "variant_id": "1"}
    fix = "must be a URL with {id}, such as https://shop.example/p/{id}, or a callable"
    try:
        filled = value.format(**named) if isinstance(value, str) else ""
    except (LookupError, ValueError):
        raise ValueError(fix) from None
    if filled == value:
        raise ValueError(fix)
    _address(filled, fix)
    return value


def _address(value: Any, fix: str) -> str:
    try:
        return web_address(value)
    except InvalidValueError:
        raise ValueError(fix) from None


PREFIX = "TOPMAIL_"


def setting(default: Any, checked: Check, sentence: str) -> Any:
    """A field of :class:`Settings` with its check and the sentence of the reference page."""
    return field(default=default, metadata={"check": checked, "sentence": sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the shop configured, checked at start.

    In Flask's configuration every name is in upper case behind ``TOPMAIL_``; the WSGI middleware
    takes the names as they stand here.

    :raises ConfigurationError: a wrong value; the message names the key and the fix.
    """

    api_key: Secret | None = setting(
        None,
        api_key,
        "TopMail API key, `tm_live_…` or `tm_test_…`. Without one, or empty: nothing is sent.",
    )
    base_url: str = setting(
        "https://api.topmail.so/api/v1",
        base_url,
        "Address of the API: https; http on this machine (the sandbox) and, with a test key, at "
        "private names and addresses (`http://sandbox:8025/api/v1`, `http://192.168.0.7:8025/…`).",
    )
    enabled: bool | None = setting(
        None,
        boolean,
        "False: nothing is sent. Unset: views are sent unless the app is under `TESTING`.",
    )
    site_url: str | None = setting(
        None,
        site_url,
        "The shop's public address, e.g. `https://shop.example`. Unset: the request's address.",
    )
    currency: str | None = setting(
        None,
        currency,
        "ISO 4217 code of prices that name no currency. Unset: such prices are not sent.",
    )
    price_unit: str = setting(
        "major",
        one_of("major", "minor"),
        "`minor`: prices of objects and template variables are in cents (pence, sen …).",
    )
    decimal: str | None = setting(
        None,
        one_of(".", ","),
        "Decimal sign of price texts that could be read both ways, like `1.234`.",
    )
    template_variables: tuple[str, ...] = setting(
        (), names, "Names of template variables that hold the product, after `product` and `item`."
    )
    image_base: str | Callable[[str], str | None] | None = setting(
        None,
        image_base,
        "URL prefix for image file names, or a callable from the image's name to its URL.",
    )
    product_url: str | Callable[[Any], str | None] | None = setting(
        None,
        product_url,
        "Address of a product's page, for JSON endpoints and parts of pages: a template such as "
        "`https://shop.example/p/{id}` (also `{sku}`, `{variant_id}`), or a callable that gets the "
        "`Product`.",
    )
    exclude_staff: bool = setting(
        True,
        boolean,
        "Leave out users whose attribute `is_admin`, `is_staff` or `is_superuser` is True.",
    )
    url_args: tuple[str, ...] = setting(
        (),
        names,
        "Query arguments that identify a product, like `id`; all others leave the product's URL.",
    )
    variant_args: tuple[str, ...] = setting(
        ("variant", "variant_id", "sku", "v"),
        names,
        "Query or route arguments that choose a variant.",
    )
    variant_mode: str = setting(
        "group",
        one_of("group", "sku"),
        "`sku`: the id of the chosen variant is the product's id, for catalogues kept per SKU.",
    )
    id_from: tuple[str, ...] = setting(
        (),
        id_kinds,
        "Kinds of identifiers to take a product's id from, the first one found. "
        "Unset: group, productID, retailer_id, sku, gtin, mpn, url.",
    )
    max_page_bytes: int = setting(
        2 * 1024 * 1024, integer(0, 64 * 1024 * 1024), "Larger pages are not read for products."
    )
    robots: tuple[str, ...] = setting(
        ROBOT_KINDS,
        robot_kinds,
        "Kinds of robots whose visits do not count: search, ai, preview, monitor, tool. Leave out "
        "`tool` where automated browsers test the store.",
    )
    repeat_window: float = setting(
        60.0,
        seconds(0, 86_400),
        "Seconds within which the same product (and variant) seen by the same shopper counts once.",
    )
    beacon_max_age: float = setting(
        7 * 86_400.0,
        seconds(60, 366 * 86_400),
        "Seconds (or a timedelta) for which a page's beacon counts; longer than caches keep pages.",
    )
    sample_rate: float = setting(
        1.0, number(0, 1), "Share of the shoppers whose views are sent; stable per shopper."
    )
    consent: str = setting(
        "opt-out",
        one_of("opt-out", "opt-in"),
        "`opt-in`: no view without the shopper's consent; `opt-out`: none after a refusal.",
    )
    honor_gpc: bool = setting(True, boolean, "Respect `Sec-GPC: 1` (Global Privacy Control).")
    honor_dnt: bool = setting(False, boolean, "Respect `DNT: 1` (Do Not Track).")
    identity_age: float = setting(
        180 * 86_400.0,
        seconds(3_600, 395 * 86_400),
        "Seconds (or a timedelta) for which `topmail.identify` is remembered in a browser.",
    )
    link_age: float = setting(
        30 * 86_400.0,
        seconds(60, 395 * 86_400),
        "Seconds (or a timedelta) for which a link of `topmail.sign_link` names its shopper, and "
        "for which the browser then remembers it.",
    )
    backfill: int = setting(
        0,
        integer(0, 20),
        "Products of this visit that are sent when its shopper becomes known; 0: none.",
    )
    url_prefix: str = setting(
        "/_shopfront",
        url_prefix,
        "Path below which the extension answers: the beacon's script and messages.",
    )
    debug_header: bool = setting(
        False, boolean, "Tell every decision in an `X-TopMail` header, as with `app.debug`."
    )
    outbox: str | None = setting(
        None,
        outbox,
        "Directory of the journal and the outbox, on a local disk. Unset: `topmail` in the app's "
        "instance folder, where a relative path begins, too. `:memory:`: nothing is kept on disk.",
    )
    synchronous: str = setting(
        "NORMAL",
        one_of("NORMAL", "FULL"),
        "`FULL`: the outbox survives a power cut to the last view, at the price of slower writes.",
    )
    max_rows: int = setting(
        100_000, integer(100, 10_000_000), "Views the outbox holds; then the oldest is dropped."
    )
    max_bytes: int = setting(
        64 * 1024 * 1024,
        integer(1024 * 1024, 16 * 1024**3),
        "Bytes the outbox holds; then the oldest view is dropped.",
    )
    delivery: str = setting(
        "background",
        delivery,
        "Who sends: `background`, a thread of one store process; `worker`, `flask topmail drain` "
        "only; `celery`, workers on any machine. `view_delivered` and `view_dropped` are sent in "
        "a store process; with `worker` in the drain, with `celery` in the worker.",
    )
    senders: int = setting(4, integer(1, 64), "Calls under way at once, on this machine.")
    rate: float = setting(50.0, number(0.01, 10_000), "Calls per second at the most.")
    timeout: Timeout = setting(
        (3.05, 5.0),
        timeout,
        "Seconds to connect and to wait for an answer: a pair, or one number for both.",
    )
    max_age: float = setting(
        86_400.0,
        seconds(1_800, 259_200),
        "Seconds (or a timedelta) after which a waiting view is not sent any more.",
    )
    dead_letter_age: float = setting(
        7 * 86_400.0, seconds(0, 90 * 86_400), "Seconds (or a timedelta) to keep dead letters."
    )
    shutdown_timeout: float = setting(
        2.0, seconds(0, 60), "Seconds that the end of the process may wait for delivery."
    )
    send_before_answer: float = setting(
        0.0,
        seconds(0, 20),
        "Seconds that an answer may wait until its view has reached TopMail, for processes that "
        "are frozen between requests (serverless); 0: the store never waits.",
    )
    unknown_contacts: str = setting(
        "skip",
        one_of("skip", "create"),
        "`create`: shoppers unknown to TopMail become contacts, not subscribed.",
    )
    contact_list: str | None = setting(
        None, uuid_text, "TopMail's id (a UUID) of the list that such contacts are added to."
    )
    automations: tuple[tuple[str, str], ...] = setting(
        (),
        automations,
        'Names for `topmail.trigger`, each with TopMail\'s id: `{"cart": "<id>"}`.',
    )
    proxy: Secret | None = setting(
        None, proxy, "Proxy for calls to the API. Proxies of the environment are not used."
    )
    ca: str | None = setting(None, ca_bundle, "File of CA certificates instead of certifi's.")

    def __post_init__(self) -> None:
        for declared in fields(self):
            value = getattr(self, declared.name)
            if value is declared.default:
                continue
            try:
                object.__setattr__(self, declared.name, declared.metadata["check"](value))
            except ValueError as error:
                raise ConfigurationError(f"{PREFIX}{declared.name.upper()} {error}") from None
        self._check_together()

    def _check_together(self) -> None:
        """Refuse values that are right by themselves and not with each other."""
        url, key = urlsplit(self.base_url), self.api_key
        is_open = url.scheme == "http" and not _LOOPBACK.match(url.hostname or "")
        if is_open and key is not None and not key.reveal().startswith("tm_test_"):
            raise ConfigurationError(
                "TOPMAIL_BASE_URL must begin with https:// with a tm_live_ key: http:// would show "
                "the key and the shoppers to the network"
            )
        if self.send_before_answer and self.delivery == "worker":
            raise ConfigurationError(
                "TOPMAIL_SEND_BEFORE_ANSWER needs TOPMAIL_DELIVERY 'background' or 'celery': with "
                "'worker' the store's processes do not send"
            )

    def __hash__(self) -> int:
        # Few differ: to hash all of them takes longer than to compare two.
        return hash((self.site_url, self.currency))

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
        known = {PREFIX + declared.name.upper(): declared for declared in fields(cls)}
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
