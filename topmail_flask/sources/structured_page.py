"""A page's structured data, read only as far as the decision needs it."""

from __future__ import annotations

from topmail_flask.domain.settings import Settings
from topmail_flask.sources.addresses import Place
from topmail_flask.sources.assembly import Assembly
from topmail_flask.sources.candidates import Candidate, Found, Graph
from topmail_flask.sources.choice import Choice, Chooser
from topmail_flask.sources.document import Document
from topmail_flask.sources.entities import Described, Entity, describe, merge
from topmail_flask.sources.fields import brand_of, image_of
from topmail_flask.sources.head import metas, visible
from topmail_flask.sources.json_ld import read_blocks
from topmail_flask.sources.markers import names_open_graph_product, names_product_items
from topmail_flask.sources.microdata import Microdata
from topmail_flask.sources.offers import Shop, choose_price
from topmail_flask.sources.open_graph import OpenGraph, read_metas

CANDIDATE_LIMIT = 1_000


class StructuredPage:
    """JSON-LD first; the metas and the tree where it does not suffice.

    :ivar found: what the sources hold.
    :ivar place: where the page is.
    :ivar repairs: what had to be mended.
    """

    def __init__(
        self, html: bytes, url: str, settings: Settings, currency: str | None, now: float
    ) -> None:
        self.settings = settings
        self.repairs: list[str] = []
        self.found = Found()
        self._document = document = Document(html, url)
        Graph(read_blocks(document, self.repairs), "json_ld").walk(self.found)
        head = document.head
        self.shop = Shop(currency, settings.decimal, head.lang, now)
        self.place = Place(url, head.canonical, None, head.base, settings.url_args)
        self._og = OpenGraph()
        described = self._described(self.found.candidates)
        self.entities = merge(described, self.place)
        if self._suffices():
            if head.holds(b"price:amount"):
                self._og = read_metas(head.metas())
        else:
            self._read_the_rest(described)

    def _read_the_rest(self, described: list[Described]) -> None:
        document, head = self._document, self._document.head
        og_product = names_open_graph_product(document.html)
        in_head = head.holds(b"og:") or head.holds(b"product:")
        if in_head or og_product:
            whole = og_product and not head.holds(b"og:type")
            self._og = read_metas(metas(visible(document.html)) if whole else head.metas())
            if self._og.url:
                self.place = Place(
                    self.place.url, head.canonical, self._og.url, head.base, self.settings.url_args
                )
                if head.canonical is None:
                    described = self._described(self.found.candidates)
        if names_product_items(document.html):
            told = len(self.found.candidates)
            Graph(list(Microdata(document.tree).roots()), "microdata").walk(self.found)
            described = described + self._described(self.found.candidates[told:])
        if not described and self._stands_alone():
            described = self._described([Candidate("open_graph", self._og.node())])
        self.entities = merge(described, self.place)

    def _described(self, candidates: list[Candidate]) -> list[Described]:
        return [describe(one, self.place, self.shop.lang) for one in candidates[:CANDIDATE_LIMIT]]

    def _suffices(self) -> bool:
        """One product in JSON-LD that names this page and lacks nothing a shopper would miss."""
        if len(self.entities) != 1 or self.found.signs or self.found.is_article:
            return False
        entity = self.entities[0]
        if not entity.match:
            return False
        nodes = [one.node for one in (*entity.members, *entity.variants)]
        return (
            any(image_of(node.get("image"), self.place)[1] for node in nodes)
            and any(brand_of(node, None) for node in nodes)
            and choose_price(nodes, self.shop).price is not None
        )

    def _stands_alone(self) -> bool:
        og = self._og
        return (
            og.is_product
            and og.is_described
            and bool(og.title)
            and (not og.url or self.place.match(self.place.absolute(og.url) or "") > 0)
        )

    def choose(self) -> Choice:
        """The entity that the page is about, completed with the metas that describe it."""
        chooser = Chooser(self._document, self.place, self._og, self.found)
        choice = chooser.choose(self.entities)
        if choice.entity is not None:
            self.add_metas(choice.entity)
        return choice

    def add_metas(self, entity: Entity) -> None:
        """Let the metas fill the gaps of an entity, if they describe the same product."""
        og = self._og
        if not og.title or any(one.source == "open_graph" for one in entity.members):
            return
        described = self._described([Candidate("open_graph", og.node())])[0]
        if not entity.name or not self._is_same(entity, described):
            return
        entity.members.append(described)

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
        return bool(entity.match) and (self._og.is_product or self._og.is_described)

    def assembly(self) -> Assembly:
        """An empty assembly for a product of this page."""
        site_name = self._og.values.get("og:site_name", "")
        return Assembly(self.place, self.settings, self.shop, site_name)

    def notes(self) -> list[tuple[str, str]]:
        return self._document.notes

    def candidate_names(self, limit: int) -> tuple[str, ...]:
        """The names of the products that the page holds."""
        return tuple(
            f"{one.name[:100]} ({', '.join(dict.fromkeys(m.source for m in one.members))})"
            for one in self.entities[:limit]
        )
