"""The store that the doctor looks at, and what several checks want to know of it, asked once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from topmail_flask.app import AppState
from topmail_flask.cli.routes import routes
from topmail_flask.core import Core
from topmail_flask.delivery.answers import Answer
from topmail_flask.delivery.transport import Transport
from topmail_flask.extraction.encodings import readable
from topmail_flask.guard import Guard
from topmail_flask.model.decision import NOTHING, Decision, Extraction, Rejected, Trace
from topmail_flask.model.errors import DeliveryError
from topmail_flask.model.events import Event
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.page import HTML, LOOKS_LIKE_A_PRODUCT, media_type
from topmail_flask.signals import product_viewed, view_dropped
from topmail_flask.tracker import Shop, Tracker

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""Who the doctor says it is: a robot may get other pages than a shopper."""


class Level(StrEnum):
    """How bad it is.

    :cvar WARNING: views may be lost or look odd, or something could not be looked at.
    :cvar ERROR: views do not arrive, or should not be sent like this.
    """

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    :ivar what: what was found, in one sentence; no secret, and nothing about a shopper or product.
    :ivar fix: what to do about it; empty when all is well.
    :ivar details: one line for each page that was looked at. They may name products, so they are
        for the shop's own eyes only.
    """

    level: Level
    what: str
    fix: str = ""
    details: tuple[str, ...] = ()


def ok(what: str, *, details: tuple[str, ...] = ()) -> Finding:
    """All is well."""
    return Finding(Level.OK, what, details=details)


def warning(what: str, fix: str, *, details: tuple[str, ...] = ()) -> Finding:
    """Somebody should look at this."""
    return Finding(Level.WARNING, what, fix, details)


def error(what: str, fix: str, *, details: tuple[str, ...] = ()) -> Finding:
    """Somebody must do something about this."""
    return Finding(Level.ERROR, what, fix, details)


PAGES_OF_A_ROUTE, MOST_PAGES = 2, 6
_IS_MEANT = 2
"""Above a route that takes a value, and one that takes none."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A page that was looked at as a product page.

    :ivar address: its path, or its URL as the shop named it.
    :ivar is_meant: whether the shop, or the mark or template of its route, says that it shows a
        product; else it only might.
    :ivar has_value: whether its route takes a value, as that of a product does.
    """

    address: str
    is_meant: bool
    decision: Decision
    has_value: bool = True

    @property
    def trace(self) -> Trace:
        """How its product was looked for."""
        return self.decision.extraction.trace if self.decision.extraction else NOTHING

    @property
    def fix(self) -> str:
        """The line to write, where what could be the product was seen."""
        return next((fault.fix for fault in self.trace.rejected if fault.fix), "")

    @property
    def is_telling(self) -> bool:
        """Whether it is meant as a product page, or may be one."""
        named = any(LOOKS_LIKE_A_PRODUCT in fault.why for fault in self.trace.rejected)
        return bool(
            self.is_meant or self.decision.product or named or (self.has_value and self.fix)
        )


def _paths(home: str, base_url: str) -> list[str]:
    """The paths, with their queries, that a page links to on its own site; each once."""
    site = urlsplit(base_url)
    root = site.path.rstrip("/")
    paths = []
    for link in LexborHTMLParser(home).css("a[href]"):
        try:
            parts = urlsplit(urljoin(base_url, link.attributes.get("href") or ""))
        except ValueError:
            continue
        if parts.netloc == site.netloc and parts.path.startswith(f"{root}/"):
            query = f"?{parts.query}" if parts.query else ""
            paths.append(parts.path.removeprefix(root) + query)
    return list(dict.fromkeys(paths))


class _Sink:
    """Takes views and purchases and keeps none: nothing is sent."""

    def accept(self, event: Event) -> Reason | None:
        """Take it."""

    def withdraw(self, shopper: Shopper) -> None:
        """Nothing waits here."""

    def note_unreadable(self, banners: Iterable[str]) -> None:
        """The page was not looked at by a shopper."""


def look(core: Core, address: str, shopper: Shopper | None) -> Decision:
    """What the extension decides about a page of the app, seen by ``shopper``; nothing is sent."""
    parts = urlsplit(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else core.settings.site_url
    kept = core.tracker, core.hooks, core.settings
    core.tracker = Tracker(
        core.settings,
        _Sink(),
        core.secret,
        Shop(
            sender=object(),  # nobody's signals: the shop's own hooks stay quiet
            guard=Guard(),
            before_send=core.hooks.before_send,
            is_enabled=lambda: True,
            has_watchers=lambda: True,
        ),
    )
    # What waits from before is left alone, too: a request would set its sending going.
    core.settings = replace(core.settings, enabled=False)
    if shopper is not None:
        core.hooks = core.hooks.as_seen_by(shopper)
    decisions: list[Decision] = []
    core.watchers.append(decisions.append)
    try:
        # The shop's own receivers are not to hear of a page that nobody looks at.
        with product_viewed.muted(), view_dropped.muted():
            response = core.app.test_client().get(path, base_url=base)
            response.close()
    finally:
        core.watchers.remove(decisions.append)
        core.tracker, core.hooks, core.settings = kept
    decision = decisions[-1] if decisions else Decision(reason=Reason.STATUS)
    if decision.reason is not Reason.STATUS:
        return decision
    to = f", to {response.location}" if response.location else ""
    answer = Rejected(parts.path, f"answered {response.status}{to}")
    return decision._replace(extraction=Extraction(trace=Trace(rejected=(answer,))))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call to TopMail.

    :ivar outcome: its answer, whatever the status, or why there is none.
    :ivar took: seconds.
    :ivar at: when it was half over, in seconds since the epoch.
    """

    outcome: Answer | DeliveryError
    took: float
    at: float


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the store as a visitor without cookies gets it.

    :ivar headers: names in lower case, in the order of the answer.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header, or ""."""
        return next((value for header, value in self.headers if header == name), "")

    def html(self, limit: int) -> tuple[bytes | None, Reason | None]:
        """The page as it was before compression, or why the extension cannot read it."""
        if media_type(self.header("content-type"))[0] not in HTML:
            return None, Reason.NOT_HTML
        return readable(self.body, self.header("content-encoding"), limit)


class Store:
    """The app under examination. Nothing is sent for it, and no view is kept.

    Its pages are requested in a context of their own: in that of the command they would share one
    ``g``, which in a server no two requests do.

    :param home: path of the home page.
    :param named: paths or URLs of product pages that the shop names; empty: some that the home page
        links to.
    :param clock: seconds since the epoch.
    :param surroundings: where the server's configuration would be: the working directory.
    :param proc: what the system tells of its processes and file systems.
    """

    def __init__(
        self,
        state: AppState,
        *,
        home: str = "/",
        named: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
        surroundings: Path | None = None,
        proc: Path = Path("/proc"),
    ) -> None:
        self.app = state.core.app
        self.state = state
        self.settings = state.core.settings
        self.delivery = state.core.delivery  # made before pages are asked for quietly
        self.home_path = home
        self.named = named
        self.clock = clock
        self.surroundings = surroundings or Path.cwd()
        self.proc = proc
        self._calls: dict[tuple[str, str], Exchange] = {}

    @property
    def is_in_production(self) -> bool:
        """Whether shoppers may be using this configuration."""
        is_sandbox = self.settings.base_url.startswith("http:")  # nothing else may be without TLS
        return not (self.app.debug or self.app.testing or is_sandbox)

    @cached_property
    def base_url(self) -> str:
        """An address at which the store lets its visitors in."""
        if self.settings.site_url:
            return self.settings.site_url
        config = self.app.config
        trusted = [*(config.get("TRUSTED_HOSTS") or ()), "localhost"]
        host = config["SERVER_NAME"] or trusted[0].lstrip(".")
        return f"{config['PREFERRED_URL_SCHEME']}://{host}"

    @cached_property
    def outbox(self) -> Path | None:
        """The directory of the app with its key, below TOPMAIL_OUTBOX; None: in memory only."""
        admins = self.delivery.admins()
        for admin in admins:
            admin.close()
        return admins[0].directory if admins else None

    def ask(self, method: str, path: str, body: bytes | None = None) -> Exchange | None:
        """Call TopMail, each path once; None: there is no key to call with."""
        if self.settings.api_key is None:
            return None
        if (method, path) not in self._calls:
            begun, from_then = self.clock(), time.monotonic()
            outcome = self._transport.exchange(method, path, body=body)
            took = time.monotonic() - from_then
            self._calls[method, path] = Exchange(outcome, took, begun + took / 2)
        return self._calls[method, path]

    @cached_property
    def _transport(self) -> Transport:
        return Transport(self.settings, "topmail-flask/doctor")

    @cached_property
    def home(self) -> Page:
        """The home page, as the store serves it with the extension."""
        with self._quietly():
            return Context().run(self._get, self.home_path, {})

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> Page:
        """A page of the store as it is without the extension, behind its redirects.

        :param address: a path or a URL.
        """
        with self.state.unwatched():
            return Context().run(self._get, address, headers or {})

    def _get(self, address: str, headers: Mapping[str, str]) -> Page:
        parts = urlsplit(address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else self.base_url
        with self.app.test_client(use_cookies=False).get(
            path,
            base_url=base,
            headers={"User-Agent": BROWSER, **headers},
            follow_redirects=True,
        ) as response:
            headers_got = tuple((name.lower(), value) for name, value in response.headers.items())
            return Page(response.status_code, headers_got, response.get_data())

    @cached_property
    def samples(self) -> list[Sample]:
        """Product pages, as the extension sees them: those named, else some that are linked.

        They are linked from the home page, or from a page that is linked there.
        """
        if self.named:
            return [Sample(address, True, self.decide(address)) for address in self.named]
        home = self._html(self.home)
        found = self._telling(home)
        for path in _paths(home, self.base_url)[:MOST_PAGES]:  # of a category, mostly
            if not found and not path.startswith(f"{self.app.static_url_path}/"):
                found = self._telling(self._html(self.get(path)))
        return found

    def _telling(self, html: str) -> list[Sample]:
        """Pages that a page links to and whose routes may show products, a few of each route."""
        found = list(self._candidates(html))
        likeliest = max((rank for _, _, rank in found), default=0)
        of_route: Counter[str] = Counter()
        chosen = []
        for path, endpoint, rank in found:
            if rank == likeliest:
                of_route[endpoint] += 1
                if of_route[endpoint] <= PAGES_OF_A_ROUTE:
                    chosen.append(path)
        is_meant, has_value = likeliest == _IS_MEANT, likeliest > 0
        samples = [
            Sample(path, is_meant, self.decide(path), has_value) for path in chosen[:MOST_PAGES]
        ]
        return [sample for sample in samples if sample.is_telling]

    def _candidates(self, html: str) -> Iterator[tuple[str, str, int]]:
        """Path, endpoint, and how likely it is that the route shows a product.

        It says so, or it takes a value; the pages of a very small store may do neither.
        """
        views_of = {endpoint: what for _, endpoint, what in routes(self.app)}
        for path in _paths(html, self.base_url):
            with self.app.test_request_context(path, base_url=self.base_url) as context:
                endpoint, arguments = context.request.endpoint, context.request.view_args
            what = views_of.get(endpoint or "", "never")
            is_meant = what.startswith(("marked", "by template:"))
            if endpoint and not what.startswith("never") and path != self.home_path:
                yield path, endpoint, _IS_MEANT if is_meant else bool(arguments)

    def _html(self, page: Page) -> str:
        return (page.html(self.settings.max_page_bytes)[0] or b"").decode(errors="replace")

    def decide(self, address: str) -> Decision:
        """What the extension decides about a page of the store."""
        if not (self.settings.site_url or urlsplit(address).netloc):
            address = self.base_url + address
        with self._quietly():
            return Context().run(look, self.state.core, address, None)

    def close(self) -> None:
        """Close the connections to TopMail."""
        if self._calls:
            self._transport.close()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Keep the extension from sending what waits, as it would with the first request."""
        kept = self.state.core.settings
        self.state.core.settings = replace(kept, enabled=False)
        try:
            yield
        finally:
            self.state.core.settings = kept


Check = Callable[[Store], Finding]
"""One question about a store. It may raise whatever the shop's own code raises."""
