"""A page's structured data, read only as far as the decision needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from topmail_flask.extraction import microdata
from topmail_flask.extraction.addresses import PageLocation
from topmail_flask.extraction.choose import Choice, Chooser
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.offers import Shop, price_of
from topmail_flask.extraction.products import Described, Describer, Entity, merge
from topmail_flask.extraction.schema_org import Candidate, Found, Graph, Node
from topmail_flask.extraction.statements import OpenGraph, metas_of
from topmail_flask.model.settings import Settings


class Kind(Enum):
    """What a source says of a page."""

    ITEMS = "items"
    """It describes things, and one of them may be the page's product."""
    STATEMENT = "statement"
    """It states the page's own product; asked where no items are described."""
    HINT = "hint"
    """The same, but believed only where nothing speaks of a listing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One way in which pages describe products.

    :ivar name: as the trace calls it.
    :ivar read: what it finds in a page: nodes in the shape of schema.org, with their values as they
        stand there. Whatever it raises makes the page one without a product.
    :ivar mentions: whether the page may hold any: a search through its bytes, no parsing.
    :ivar markers: bytes without any of which it mentions none, so that most pages are searched for
        these alone; empty: it is asked about every page.
    """

    name: str
    read: Callable[[Document], list[Any]]
    mentions: Callable[[Document], bool]
    kind: Kind = Kind.ITEMS
    markers: tuple[bytes, ...] = ()


def holding(marker: bytes) -> Callable[[Document], bool]:
    """For :attr:`Source.mentions`: whether these bytes stand in the page."""
    return lambda document: document.html.rfind(marker) >= 0


def place_of(document: Document, url_args: tuple[str, ...], og_url: str | None) -> PageLocation:
    """Where a page is, by its head.

    :param url_args: query arguments that identify a product.
    """
    head = document.head
    address = (document.url, head.canonical, og_url, head.base)
    return PageLocation(*address, url_args, head.alternates())


class StructuredPage:
    """The items of the first source at once, the rest when :meth:`read_the_rest` is called.

    :ivar found: what the sources hold.
    :ivar entities: the products that they describe.
    :ivar place: where the page is.
    :ivar describer: reads what identifies its products.
    :ivar og: its metas, as far as they were read.
    """

    def __init__(
        self,
        document: Document,
        sources: tuple[Source, ...],
        settings: Settings,
        currency: str | None,
        now: float,
    ) -> None:
        self.settings, self.document = settings, document
        self.found, self.og = Found(), OpenGraph()
        self.shop = Shop(currency, settings.decimal, document.head.lang, now)
        self._move_to(None)
        self._items = [source for source in sources if source.kind is Kind.ITEMS]
        self._statements = [source for source in sources if source.kind is not Kind.ITEMS]
        self._described: list[Described] = []
        self._has_metas = self._is_whole = False
        while self._items and not self._described:
            self._read_items(self._items.pop(0))
        self.entities = merge(self._described, self.describer)

    def plain_entity(self) -> Entity | None:
        """The product, where the first source leaves no doubt: one, which names this very page.

        Where another source describes products too, it may say more.
        """
        found = self.found
        if len(self.entities) != 1 or found.signs or found.articles:
            return None
        entity = self.entities[0]
        is_sure = entity.match and entity.ids and not any(map(self._is_mentioned, self._items))
        return entity if is_sure else None

    def read_the_rest(self) -> None:
        """Read the metas, and all sources that the page mentions."""
        if self._is_whole:
            return
        self._is_whole = self.document.is_read_beyond_head = True
        before = self._described[:]
        self.read_metas()
        if self.og.url and self.place.canonical is None:
            self._described = self._describe(self.found.candidates)
        while self._items:
            self._read_items(self._items.pop(0))
        if not self._described:
            self._read_nameless()
        if not self._described:
            self._read_statements()
        if self._described != before:
            self.entities = merge(self._described, self.describer)

    def read_metas(self) -> None:
        """Read the metas of OpenGraph, wherever they stand."""
        if self._has_metas:
            return
        self._has_metas = True
        self.og = self.document.once(metas_of)
        if self.og.url:
            self._move_to(self.og.url)

    def breadcrumbs(self) -> list[Node]:
        """The breadcrumbs of the sources, else those of microdata, which may stand alone."""
        document, found = self.document, self.found
        if not found.breadcrumbs and microdata.mentions_breadcrumbs(document):
            nodes = document.once(microdata.items)
            Graph(nodes, "microdata").walk(Found(breadcrumbs=found.breadcrumbs))
        return found.breadcrumbs

    def choose(self) -> Choice:
        """The entity that the page is about, completed with the metas that describe it."""
        choice = Chooser(self.document, self.place, self.og, self.found).choose(self.entities)
        if choice.entity is not None:
            self.add_metas(choice.entity)
        return choice

    def add_metas(self, entity: Entity) -> Described | None:
        """Let the metas fill the gaps of an entity, if they describe the same product.

        :returns: what they say of it, or None.
        """
        self.read_metas()
        if not self.og.title or any(member.source == "open_graph" for member in entity.members):
            return None
        described = self._describe([Candidate("open_graph", self.og.node())])[0]
        if not entity.name or not self._is_same(entity, described):
            return None
        entity.add(described)
        return described

    def candidate_names(self, limit: int) -> tuple[str, ...]:
        """The names of the products that the page holds, with their sources."""
        return tuple(
            f"{entity.name[:100]} ({', '.join(dict.fromkeys(m.source for m in entity.members))})"
            for entity in self.entities[:limit]
        )

    def _move_to(self, og_url: str | None) -> None:
        self.place = place_of(self.document, self.settings.url_args, og_url)
        self.describer = Describer(self.place, self.shop.lang)

    def _is_mentioned(self, source: Source) -> bool:
        return self.document.once(source.mentions)

    def _read_items(self, source: Source) -> None:
        candidates = self.found.candidates
        before = len(candidates)
        Graph(self.document.once(source.read), source.name).walk(self.found)
        self._described += self._describe(candidates[before:])

    def _read_nameless(self) -> None:
        """The only product, which has an id and an offer but no name, by the page's heading."""
        nameless = self.found.nameless
        if len(nameless) != 1:
            return
        node = nameless[0].node
        name = self.document.titled_heading() or (self.og.title if self.og.is_product else "")
        if name:
            described = self._describe([replace(nameless[0], node={**node, "name": name})])
            if described[0].ids and price_of(node):
                self._described = described

    def _read_statements(self) -> None:
        """The first source that states this page's own product."""
        for source in filter(self._is_mentioned, self._statements):
            for node in source.read(self.document)[:1]:
                described = self._describe([Candidate(source.name, node)])[0]
                address = str(node.get("url") or "")
                if self._leads_away(address):
                    continue
                # A theme may name the front page on every page.
                is_elsewhere = not described.match and self.place.own(address) is not None
                described.is_hint = source.kind is Kind.HINT or is_elsewhere
                self._described = [described]
                return

    def _leads_away(self, address: str) -> bool:
        """Whether an address is that of another page, on another site."""
        url = self.place.absolute(address)
        if url is None or self.place.own(url):
            return False
        return urlsplit(url).path.rstrip("/") != urlsplit(self.place.url).path.rstrip("/")

    def _describe(self, candidates: list[Candidate]) -> list[Described]:
        return [self.describer.describe(candidate) for candidate in candidates]

    def _is_same(self, entity: Entity, og: Described) -> bool:
        known = entity.ids
        if og.is_foreign or any(
            known.get(kind, value).casefold() != value.casefold()
            for kind, value in og.ids.items()
            if kind in ("retailer_id", "gtin")
        ):
            return False
        shared = {value.casefold() for value in known.values()}
        if shared.intersection(value.casefold() for value in og.ids.values()):
            return True
        name, title = entity.name.casefold(), og.name.casefold()
        if name in title or title in name:
            return True
        if known and og.ids:
            return False
        is_product = self.og.is_product or self.og.is_described
        is_only = len(self.entities) == 1 and og.match == 2 and not entity.is_foreign
        return is_product and (entity.match > 0 or is_only)
