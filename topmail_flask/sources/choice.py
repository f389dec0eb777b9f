"""Which of the page's products is the one that the page is about (rules R23 to R27).

Beyond the rules as they were written, learned from pages:

* A product that names another page of the shop is the page's only if something of this page speaks
  for it: its title or heading, or that it has a price in microdata, on a page without a canonical
  address (hand-written microdata often has a stale ``url``; JSON-LD is made from data).
* Several products of one name, all of this page, are sizes of one product without a group's id.
* The only product that names no other page is the page's if its title or heading names it.
* One product in JSON-LD beside several in microdata is the page's if those name other pages or the
  title names it: JSON-LD is written for the page, microdata comes with each card of a list.
* On the page of an article the product may be the publication behind a paywall: it must be this
  page's own.
* The same holds for addresses that begin with ``/cart``, ``/search`` and the like.
"""

from __future__ import annotations

from dataclasses import dataclass

from topmail_flask.domain.reasons import Reason
from topmail_flask.sources.addresses import is_no_product_page
from topmail_flask.sources.candidates import Found
from topmail_flask.sources.document import Document
from topmail_flask.sources.entities import Entity
from topmail_flask.sources.open_graph import OpenGraph
from topmail_flask.sources.place import Place

_ELSEWHERE = "the address is that of a cart, a search or an account"


@dataclass(frozen=True, slots=True)
class Choice:
    """The page's product, or the reason why none is."""

    entity: Entity | None = None
    reason: Reason | None = None
    why: str = ""


class Chooser:
    """The choice among entities, with what the page says beside its structured data."""

    def __init__(self, document: Document, place: Place, og: OpenGraph, found: Found) -> None:
        self._document = document
        self._place = place
        self._og = og
        self._found = found

    def choose(self, entities: list[Entity]) -> Choice:
        if not entities:
            return self._none()
        sign = self._sign()
        if len(entities) == 1:
            return self._only(entities[0], sign)
        chosen = self._of_this_page(entities) or self._named(entities)
        if chosen is None and not sign:
            chosen = self._beside_others(entities)
        if chosen is not None:
            return Choice(chosen)
        if sign:
            return Choice(None, Reason.LISTING, sign)
        return Choice(None, Reason.AMBIGUOUS, "several products, and none is this page's own (R25)")

    def _none(self) -> Choice:
        found = self._found
        if found.incomplete:
            return Choice(None, Reason.INCOMPLETE, "a product without a name (R15)")
        if (found.signs and found.related) or self._og.is_listing:
            return Choice(None, Reason.LISTING, "a list of products (R13, R23)")
        return Choice(None, Reason.NO_PRODUCT, "")

    def _sign(self) -> str:
        """What says that the page is not about one product, or ""."""
        if is_no_product_page(self._place.url):
            return _ELSEWHERE
        if self._found.signs:
            return f"the page says that it is a {', '.join(sorted(self._found.signs))} (R23)"
        if self._og.is_listing:
            return "og:type is product.group (R19)"
        if self._found.is_article:
            return "the page is an article"
        return ""

    def _only(self, entity: Entity, sign: str) -> Choice:
        if entity.match:
            return Choice(entity)
        if not sign and entity.is_foreign and self._og.type == "website":
            sign = "og:type is website, and the product names another page (R23)"
        if self._found.is_article:
            return Choice(None, Reason.NO_PRODUCT, "the page is an article")
        if sign == _ELSEWHERE:
            return Choice(None, Reason.LISTING, sign)
        if sign:
            if self._speaks_for(entity) and not entity.is_foreign:
                return Choice(entity)
            return Choice(None, Reason.LISTING, sign)
        if entity.is_foreign and not self._speaks_for(entity):
            offered = any("offers" in one.node or "price" in one.node for one in entity.members)
            stale = offered and all(one.source == "microdata" for one in entity.members)
            if self._place.canonical is not None or not stale:
                return Choice(None, Reason.AMBIGUOUS, "the product names another page (R26)")
        return Choice(entity)

    def _of_this_page(self, entities: list[Entity]) -> Entity | None:
        for least in (2, 1):
            here = [one for one in entities if one.match >= least]
            if len(here) == 1:
                return here[0]
            if here and len({one.name.casefold() for one in here}) == 1:
                return _as_sizes(here)
            if here:
                named = [one for one in here if self._is_headline(one)]
                return named[0] if len(named) == 1 else None
        return None

    def _named(self, entities: list[Entity]) -> Entity | None:
        if not self._og.is_product:
            return None
        named = [one for one in entities if not one.is_foreign and self._is_headline(one)]
        if named and len({one.name.casefold() for one in named}) == 1:
            return _as_sizes(named) if len(named) > 1 else named[0]
        return None

    def _beside_others(self, entities: list[Entity]) -> Entity | None:
        own = [one for one in entities if not one.is_foreign]
        if len(own) == 1 and self._speaks_for(own[0]):
            return own[0]
        sources = [{one.source for one in entity.members} for entity in entities]
        best = [one for one, named in zip(entities, sources, strict=True) if "json_ld" in named]
        if len(best) != 1 or best[0].is_foreign:
            return None
        others = [one for one in entities if one is not best[0]]
        if all(one.is_foreign for one in others) or self._speaks_for(best[0]):
            return best[0]
        return None

    def _is_headline(self, entity: Entity) -> bool:
        """Its name is the title of the page's own metas, or a heading (rule R24)."""
        name = entity.name.casefold()
        if self._og.title and " ".join(self._og.title.split()).casefold() == name:
            return True
        return name in (one.casefold() for one in self._document.headings())

    def _speaks_for(self, entity: Entity) -> bool:
        """Whether the title, the metas or a heading of the page name the product."""
        name = entity.name.casefold()
        title = " ".join(f"{self._document.head.title} {self._og.title}".split()).casefold()
        return (len(name) > 2 and name in title) or self._is_headline(entity)


def _as_sizes(entities: list[Entity]) -> Entity:
    """Products of one name on one page as one product: the first stands for all."""
    first = entities[0]
    variants = [one for entity in entities for one in (entity.variants or entity.members[:1])]
    return Entity(first.members, variants if len(variants) > 1 else [], first.group)
