"""What the nodes of a page are about: products, breadcrumbs, signs of a listing.

Nodes of JSON-LD and microdata alike, in the shape of schema.org, are walked from the top.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from topmail_flask.extraction.schema_org import (
    ARTICLES,
    DEPTH_LIMIT,
    GROUPS,
    LISTINGS,
    OFFERS,
    PAGES,
    PRODUCTS,
    RELATED,
    SITES,
    Node,
    each,
    is_placeholder,
    name_of,
    types,
)

NODE_LIMIT = 2_000
CANDIDATE_LIMIT = 300
_RELATED_LIMIT = 20
_UNIDENTIFIED = frozenset(["@id", "@type", "@context"])
# What others say of a product: much text, and nothing that is referred to.
_OPINIONS = frozenset(["review", "reviews", "comment"])
# Properties whose own references are followed.
_FOLLOWED = frozenset(["offers", "priceSpecification", "brand", "hasVariant", "isVariantOf"])


@dataclass(slots=True)
class Candidate:
    """A product as one source describes it.

    :ivar source: ``json_ld``, ``microdata`` or ``open_graph``.
    :ivar node: its properties in the shape of schema.org.
    :ivar is_group: a ``ProductGroup``, or a product that lists its variants.
    :ivar is_hint: tags or events told it, which other pages than a product's have too.
    """

    source: str
    node: Node
    is_group: bool = False
    is_hint: bool = False


class Article(NamedTuple):
    """An article or a recipe, by its headline or name."""

    headline: str
    is_recipe: bool


@dataclass(slots=True)
class Found:
    """What a walk came across.

    :ivar candidates: products that the page may be about.
    :ivar breadcrumbs: the ``BreadcrumbList`` nodes.
    :ivar signs: types that only a page of several products has (rule R23), in lower case.
    :ivar articles: the articles and recipes of the page: its product may be the publication.
    :ivar site_names: names of the site and of who runs it.
    :ivar related: names of products that are only mentioned.
    :ivar similar: which product calls which one similar or related, both by ``@id``.
    :ivar incomplete: how many products have no name.
    :ivar nameless: those.
    """

    candidates: list[Candidate] = field(default_factory=list)
    breadcrumbs: list[Node] = field(default_factory=list)
    signs: set[str] = field(default_factory=set)
    articles: list[Article] = field(default_factory=list)
    site_names: set[str] = field(default_factory=set)
    related: list[str] = field(default_factory=list)
    similar: set[tuple[str, str]] = field(default_factory=set)
    incomplete: int = 0
    nameless: list[Candidate] = field(default_factory=list)


class Graph:
    """The nodes of one source, with their references to each other.

    A reference ``{"@id": ...}`` is replaced by the node that it names, in place and once a node:
    the time is linear, however the nodes refer to each other.

    :param roots: the nodes, which are changed.
    :param source: name of the source.
    """

    def __init__(self, roots: list[Any], source: str) -> None:
        self._roots = roots
        self._source = source
        self._by_id: dict[str, Node] | None = None
        self._linked: set[int] = set()
        self._count = 0

    def resolve(self, value: object) -> Any:
        """The node that ``{"@id": ...}`` stands for, or the value itself."""
        if isinstance(value, dict) and "@id" in value and len(value) <= 3:
            name = value["@id"]
            if isinstance(name, str) and value.keys() <= _UNIDENTIFIED:
                return self._index().get(name, value)
        return value

    def walk(self, found: Found) -> None:
        """Add to ``found`` what these nodes hold."""
        offers: list[Node] = []
        before = len(found.candidates)
        self._walk(found, offers)
        if len(found.candidates) == before and len(offers) == 1:
            self._offered(offers[0], found)

    def _walk(self, found: Found, offers: list[Node]) -> None:
        waiting: list[tuple[Any, int, bool]] = [(root, 0, True) for root in reversed(self._roots)]
        seen: set[int] = set()
        steps = 0
        while waiting and steps < NODE_LIMIT:
            steps += 1
            value, depth, may_be_product = waiting.pop()
            if isinstance(value, list):
                if depth < DEPTH_LIMIT:
                    some = reversed(value[:NODE_LIMIT])
                    waiting += [(element, depth + 1, may_be_product) for element in some]
                continue
            value = self.resolve(value)
            if not isinstance(value, dict) or id(value) in seen:
                continue
            seen.add(id(value))
            named = types(value)
            if may_be_product and named & (PRODUCTS | GROUPS):
                self._product(value, named, found)
                continue
            if named:
                self._other(value, named, found, offers)
            if depth >= DEPTH_LIMIT:
                continue
            for key in ("breadcrumb", "about", "mainEntityOfPage", "mainEntity", "@graph"):
                child = value.get(key)
                if isinstance(child, (dict, list)):
                    # A page is about its product; an article about a product is no product page.
                    allowed = key != "breadcrumb" and (key != "about" or bool(named & PAGES))
                    waiting.append((child, depth + 1, allowed))

    def _product(self, node: Node, named: frozenset[str], found: Found) -> None:
        if self._count >= CANDIDATE_LIMIT:
            return
        for key in RELATED:
            if key in node and len(found.related) < _RELATED_LIMIT:
                self._note_related(node[key], found)
        self._note_similar(node, found)
        is_group = bool(named & GROUPS) or "hasVariant" in node
        name = name_of(node.get("name") or node.get("title"))
        if not name or is_placeholder(name):
            variant = next(each(node.get("hasVariant")), None)
            if not is_group or not isinstance(self.resolve(variant), dict):
                if node.keys() - _UNIDENTIFIED:
                    found.incomplete += 1
                    found.nameless.append(Candidate(self._source, node))
                return
        self._count += 1
        self._link(node)
        found.candidates.append(Candidate(self._source, node, is_group))

    def _note_related(self, value: object, found: Found) -> None:
        for related in each(value):
            related = self.resolve(related)  # noqa: PLW2901
            if isinstance(related, dict) and types(related) & PRODUCTS:
                found.related.append(name_of(related.get("name"))[:200])
                if len(found.related) >= _RELATED_LIMIT:
                    return

    def _note_similar(self, node: Node, found: Found) -> None:
        for key in ("isRelatedTo", "isSimilarTo"):
            for other in list(each(node.get(key)))[:NODE_LIMIT]:
                names = (node.get("@id"), other.get("@id") if isinstance(other, dict) else other)
                if isinstance(names[0], str) and isinstance(names[1], str):
                    found.similar.add((names[0], names[1]))

    def _other(self, node: Node, named: frozenset[str], found: Found, offers: list[Node]) -> None:
        if "breadcrumblist" in named:
            found.breadcrumbs.append(node)
            return
        if named & ARTICLES and len(found.articles) < _RELATED_LIMIT:
            headline = name_of(node.get("headline") or node.get("name"))
            found.articles.append(Article(headline, "recipe" in named))
        if named & SITES and len(found.site_names) < _RELATED_LIMIT:
            found.site_names.add(name_of(node.get("name")))
        found.signs |= named & LISTINGS
        if named & OFFERS and "itemOffered" in node:
            offers.append(node)
        elif "itemListElement" in node and len(found.related) < _RELATED_LIMIT:
            items = [
                element.get("item", element) if isinstance(element, dict) else element
                for element in list(each(node["itemListElement"]))[:_RELATED_LIMIT]
            ]
            self._note_related(items, found)

    def _offered(self, offer: Node, found: Found) -> None:
        for offered in each(offer["itemOffered"]):
            node = self.resolve(offered)
            if isinstance(node, dict) and types(node) & PRODUCTS:
                about = {key: value for key, value in offer.items() if key != "itemOffered"}
                self._product({"offers": about, **node}, types(node), found)
                return

    def _link(self, node: Node) -> None:
        """Put what this node, its offers, brand and variants refer to in its place."""
        waiting: list[Any] = [node]
        while waiting:
            value = waiting.pop()
            if id(value) in self._linked:
                continue
            self._linked.add(id(value))
            if isinstance(value, list):
                del value[NODE_LIMIT:]
                for at, item in enumerate(value):
                    if isinstance(item, (dict, list)):
                        value[at] = self.resolve(item)
                        waiting.append(value[at])
                continue
            for key, child in value.items():
                if isinstance(child, (dict, list)) and key not in RELATED:
                    value[key] = self.resolve(child)
                    if key in _FOLLOWED or isinstance(child, list):
                        waiting.append(value[key])

    def _index(self) -> dict[str, Node]:
        """All described nodes by ``@id``; two products of one ``@id`` are one (rule R11)."""
        if self._by_id is not None:
            return self._by_id
        index: dict[str, Node] = {}
        merged: set[str] = set()
        self._by_id = index
        waiting: list[tuple[Any, int]] = [(root, 0) for root in reversed(self._roots)]
        count = 0
        while waiting and count < NODE_LIMIT:
            value, depth = waiting.pop()
            count += 1
            if isinstance(value, dict):
                _add_named(value, index, merged)
            if depth < DEPTH_LIMIT:
                waiting += [
                    (child, depth + 1)
                    for child in reversed(_children(value))
                    if isinstance(child, (dict, list))
                ]
        return index


def _add_named(node: Node, index: dict[str, Node], merged: set[str]) -> None:
    name = node.get("@id")
    if not isinstance(name, str) or node.keys() <= _UNIDENTIFIED:
        return
    known = index.setdefault(name, node)
    if known is not node and types(known) & types(node) & PRODUCTS:
        if name not in merged:
            merged.add(name)
            known = index[name] = dict(known)
        for key, child in node.items():
            known.setdefault(key, child)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [child for key, child in value.items() if key not in _OPINIONS]
    return value[:NODE_LIMIT] if isinstance(value, list) else []
