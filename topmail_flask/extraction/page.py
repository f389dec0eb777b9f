"""A page's structured data, read only as far as the decision needs it."""

from __future__ import annotations

from topmail_flask.extraction.addresses import Place
from topmail_flask.extraction.choose import Choice, Chooser
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.head import metas, visible
from topmail_flask.extraction.json_ld import read_blocks
from topmail_flask.extraction.markers import names_open_graph_product
from topmail_flask.extraction.microdata import Microdata
from topmail_flask.extraction.offers import Shop
from topmail_flask.extraction.open_graph import OpenGraph, read_metas
from topmail_flask.extraction.products import (
    Candidate,
    Described,
    Entity,
    Found,
    Graph,
    describe,
    merge,
)
from topmail_flask.extraction.schema_org import Node
from topmail_flask.model.settings import Settings

CANDIDATE_LIMIT = 300


class StructuredPage:
    """JSON-LD at once; the metas and the tree when :meth:`read_the_rest` is called.

    :ivar found: what the sources hold.
    :ivar entities: the products that they describe.
    :ivar place: where the page is.
    :ivar og: its metas, as far as they were read.
    :ivar repairs: what had to be mended.
    """

    def __init__(
        self,
        document: Document,
        blocks: list[bytes],
        settings: Settings,
        currency: str | None,
        now: float,
    ) -> None:
        self.settings = settings
        self.document = document
        self.repairs: list[str] = []
        self.found = Found()
        self.og = OpenGraph()
        roots, has_ids = read_blocks(blocks, document, self.repairs)
        Graph(roots, "json_ld", has_ids=has_ids).walk(self.found)
        head = document.head
        self.shop = Shop(currency, settings.decimal, head.lang, now)
        self.place = Place(document.url, head.canonical, None, head.base, settings.url_args)
        self._described = self._describe(self.found.candidates)
        self.entities = merge(self._described, self.place)
        self._is_read = self._has_metas = self._has_items = self._is_searched = False

    @property
    def is_read_by_its_head(self) -> bool:
        """Nothing but JSON-LD and the head was read."""
        return not (self._is_read or self._is_searched)

    def plain_entity(self) -> Entity | None:
        """The product, where JSON-LD leaves no doubt: one, which names this very page.

        Where there are products in microdata too, they may tell more.
        """
        found = self.found
        if len(self.entities) != 1 or found.signs or found.is_article:
            return None
        entity = self.entities[0]
        return entity if entity.match and not self.document.names_product_items else None

    def read_the_rest(self) -> None:
        """Read the metas, and the microdata where there is some of products."""
        if self._is_read:
            return
        self._is_read = True
        document, described = self.document, self._described
        self.read_metas()
        if self.og.url and self.place.canonical is None:
            described = self._describe(self.found.candidates)
        if document.names_product_items:
            told = len(self.found.candidates)
            Graph(self._items(), "microdata").walk(self.found)
            described = described + self._describe(self.found.candidates[told:])
        if not described and self._stands_alone():
            described = self._describe([Candidate("open_graph", self.og.node())])
        self.entities = merge(described, self.place)

    def read_metas(self) -> None:
        """Read the metas of OpenGraph, wherever they stand."""
        if self._has_metas:
            return
        self._has_metas = True
        html, head = self.document.html, self.document.head
        if head.holds(b"og:type") or not names_open_graph_product(html):
            self.og = read_metas(head.metas())
        else:  # a page without a head of its own, or with metas in its body
            self._is_searched = True
            self.og = read_metas(metas(visible(html)))
        if self.og.url:
            self.place = Place(
                self.place.url, head.canonical, self.og.url, head.base, self.settings.url_args
            )

    def breadcrumbs(self) -> list[Node]:
        """The breadcrumbs of JSON-LD, else those of microdata, which may stand alone."""
        if not self.found.breadcrumbs and not self._has_items and self.document.names_breadcrumbs:
            self._is_searched = True
            Graph(self._items(), "microdata").walk(Found(breadcrumbs=self.found.breadcrumbs))
        return self.found.breadcrumbs

    def _items(self) -> list[Node]:
        self._has_items = True
        return Microdata(self.document.partial_tree).roots()

    def _describe(self, candidates: list[Candidate]) -> list[Described]:
        return [describe(one, self.place, self.shop.lang) for one in candidates[:CANDIDATE_LIMIT]]

    def _stands_alone(self) -> bool:
        """Whether the metas alone tell a product (rule R19)."""
        og = self.og
        return (
            og.is_product
            and og.is_described
            and bool(og.title)
            and (not og.url or self.place.match(self.place.absolute(og.url) or "") > 0)
        )

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
        if not self.og.title or any(one.source == "open_graph" for one in entity.members):
            return None
        described = self._describe([Candidate("open_graph", self.og.node())])[0]
        if not entity.name or not self._is_same(entity, described):
            return None
        entity.members.append(described)
        return described

    def _is_same(self, entity: Entity, og: Described) -> bool:
        known = entity.ids()
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
        return bool(entity.match) and (self.og.is_product or self.og.is_described)

    @property
    def site_name(self) -> str:
        return self.og.values.get("og:site_name", "")

    def candidate_names(self, limit: int) -> tuple[str, ...]:
        """The names of the products that the page holds, with their sources."""
        return tuple(
            f"{one.name[:100]} ({', '.join(dict.fromkeys(m.source for m in one.members))})"
            for one in self.entities[:limit]
        )
