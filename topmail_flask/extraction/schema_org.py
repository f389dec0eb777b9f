"""Nodes in the shape of schema.org: what their values say, and which of them may be products.

JSON-LD, microdata and OpenGraph are all brought into this shape, a dict with ``@type`` and the
properties of schema.org; the readers of fields know only it. :class:`Graph` walks the nodes of one
source from the top: products, breadcrumbs, signs of a listing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from topmail_flask.extraction.document import ReadOnce
from topmail_flask.model.text import clean

Node = dict[str, Any]

PRODUCTS = frozenset(
    """product individualproduct productmodel someproducts vehicle car motorcycle motorizedbicycle
    busorcoach book drug dietarysupplement""".split()
)
GROUPS = frozenset(["productgroup"])
OFFERS = frozenset(["offer", "aggregateoffer", "offerforpurchase", "offerforlease"])
LISTINGS = frozenset(
    """collectionpage searchresultspage itemlist offercatalog checkoutpage aboutpage contactpage
    profilepage order invoice""".split()
)
PAGES = frozenset(["webpage", "itempage", "productpage"])
ARTICLES = frozenset(
    """article newsarticle blogposting reportagenewsarticle analysisnewsarticle opinionnewsarticle
    reviewnewsarticle techarticle scholarlyarticle liveblogposting recipe qapage""".split()
)
SITES = frozenset(
    """website organization onlinestore onlinebusiness store localbusiness corporation""".split()
)
# What a product or a page mentions without being about it (rule R13).
RELATED = frozenset(
    """isRelatedTo isSimilarTo isAccessoryOrSparePartFor isConsumableFor itemListElement item
    itemOffered hasOfferCatalog makesOffer review reviews itemReviewed mentions potentialAction
    subjectOf isPartOf""".split()
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_NOTHING = frozenset(["none", "null", "undefined", "nan", "n/a", "-", "–", "—"])
# Text of a template that was not rendered, as template languages mark it.
_UNRENDERED = re.compile(
    r"(?s)\{\{[^{}]{0,200}\}\}|\{%[^%]{0,200}%\}|[$#]\{[^{}]{0,200}\}|<%[^%]{0,200}%>"
    r"|<\?(?:php|=)[^?]{0,200}\?>"
    r"|\A\s*(?:\[object \w+\]|\[\[.*\]\]|%{1,2}[\w.:-]+%{1,2}|%\([\w.]+\)s"
    r"|\$(?![A-Z]{3}\s*\Z)[a-zA-Z_][\w.>-]*"
    r"|\{[a-zA-Z_][\w.]*\}|@[A-Z]\w*\.[\w.]+|__\w+__)\s*\Z"
)
_MARKS = frozenset('{$%[@_<"')
_LARGEST = Decimal(10) ** 30
DEPTH_LIMIT = 64
_LONGEST_TEXT = 4_096


class DisplayText(str):
    """Text that a shopper sees, as opposed to machine text of an attribute or of JSON."""

    __slots__ = ()


def types(node: Mapping[str, Any]) -> frozenset[str]:
    """The types of a node: last segments of ``@type``, in lower case (rule R12)."""
    named = node.get("@type")
    if isinstance(named, str):
        return frozenset((short_type(named),))
    if isinstance(named, list):
        return frozenset(short_type(name) for name in named[:20] if isinstance(name, str))
    return frozenset()


@lru_cache(maxsize=512)
def short_type(name: str) -> str:
    """``https://schema.org/Product/``, ``schema:Product`` and ``product`` are all ``product``."""
    if len(name) > 200:
        return ""
    name = name.strip().rstrip("/").lower()
    return name[max(name.rfind("/"), name.rfind(":"), name.rfind("#")) + 1 :]


def each(value: object, depth: int = 1) -> Iterator[Any]:
    """The values of a property, whether it holds one or a list, lists of lists included."""
    for item in value if isinstance(value, list) else (value,):
        if not isinstance(item, list):
            if item is not None:
                yield item
        elif depth < DEPTH_LIMIT:
            yield from each(item, depth + 1)


def is_placeholder(text: str) -> bool:
    """Whether it is what a template prints where there is nothing, or its own unrendered text."""
    if text.lower() in _NOTHING:
        return True
    return not _MARKS.isdisjoint(text) and _UNRENDERED.search(text) is not None


def plain(text: str) -> str:
    """Text without character references, tags and superfluous white space; "" for a placeholder.

    References that are escaped twice, and quotes that a template put around a text, are undone.
    """
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT]
    if "&" in text:
        text = unescaped(text)
    if not _MARKS.isdisjoint(text):
        if _UNRENDERED.search(text):
            return ""
        if "<" in text:
            text = _TAG.sub(" ", text)
        if text[:1] == '"' == text[-1:] and text.count('"') == 2 and len(text) > 2:
            text = text[1:-1]
    text = clean(text)
    return "" if text.lower() in _NOTHING else text


def unescaped(text: str) -> str:
    """The text with its character references resolved, also those that were escaped twice."""
    once = html.unescape(text)
    return html.unescape(once) if "&" in once and _REFERENCE.search(once) else once


def text_of(value: object, lang: str | None = None) -> str:
    """The first text of a value; of several languages the page's own, then the first (R55)."""
    if type(value) is str:
        return plain(value)
    first = ""
    for text_or_value in each(value):
        said, language = text_or_value, None
        if isinstance(text_or_value, dict):
            said, language = text_or_value.get("@value"), text_or_value.get("@language")
        text = plain(said) if isinstance(said, str) else ""
        if not text:
            continue
        if lang is None or not isinstance(language, str):
            return first or text
        if language[:2].lower() == lang[:2].lower():
            return text
        first = first or text
    return first


def scalar_text(value: object) -> str:
    """The first text or number of a value, as text: 123.0 is ``123`` (rule R34)."""
    if value is None:
        return ""
    if type(value) is str:
        return plain(value)
    for scalar in each(value):
        if isinstance(scalar, dict):
            scalar = scalar.get("@value", scalar.get("value"))  # noqa: PLW2901
        text = ""
        if isinstance(scalar, str):
            text = plain(scalar)
        elif isinstance(scalar, int) and not isinstance(scalar, bool):
            text = str(scalar)
        elif isinstance(scalar, Decimal) and scalar < _LARGEST:
            text = str(int(scalar)) if scalar == scalar.to_integral_value() else ""
        if text:
            return text
    return ""


def name_of(value: object, lang: str | None = None) -> str:
    """The text of a value, or the ``name`` of a thing."""
    if value is None or type(value) is str:
        return plain(value) if value else ""
    for thing in each(value):
        if not isinstance(thing, dict):
            text = text_of(thing, lang)
        elif "@value" in thing:
            text = text_of(value, lang)
        else:
            text = text_of(thing.get("name"), lang)
        if text:
            return text
    return ""


_NAMES = (
    "name image brand manufacturer category sku mpn productID gtin gtin8 gtin12 gtin13 gtin14 isbn "
    "offers price priceCurrency lowPrice highPrice priceSpecification availability itemCondition "
    "priceValidUntil itemListElement item position url inProductGroupWithID isVariantOf hasVariant "
    "productGroupID itemOffered mainEntityOfPage mainEntity identifier propertyID"
)
_SPELLED = {name.lower(): name for name in _NAMES.split()}
_USUAL = frozenset(("@context", "@graph", "@id", "@type", "description", *_SPELLED.values()))
_LONGEST_KEY = 60
_PREFIX = re.compile(r"(?:schema:|https?://schema\.org/)(?=[a-zA-Z])")


def usual_name(name: str) -> str:
    """The property as schema.org spells it; an unknown one as it is."""
    return _SPELLED.get(name.lower(), name)


def has_odd_keys(documents: list[Any]) -> bool:
    """Whether JSON documents have keys that :func:`with_usual_keys` changes."""
    keys: set[str] = set()
    waiting = [*documents]
    for value in waiting:
        if type(value) is dict:
            keys.update(value)
            waiting += value.values()
        elif type(value) is list:
            waiting += value
    return any(len(key) <= _LONGEST_KEY and _is_odd(key) for key in keys - _USUAL)


@lru_cache(maxsize=2048)
def _is_odd(key: str) -> bool:
    return key.isdecimal() or usual_name(_PREFIX.sub("", key, count=1)) != key


def with_usual_keys(value: Any, depth: int = 0) -> Any:
    """A JSON document with the names of schema.org, and lists where PHP wrote numbered keys."""
    if depth > DEPTH_LIMIT:
        return value
    if isinstance(value, list):
        return [with_usual_keys(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [with_usual_keys(item, depth + 1) for item in value.values()]
    renamed: dict[str, Any] = {}
    for key, child in value.items():
        usual = usual_name(_PREFIX.sub("", key, count=1))
        if usual == key or usual not in value:
            renamed[usual] = with_usual_keys(child, depth + 1)
    return renamed


NODE_LIMIT = 2_000
CANDIDATE_LIMIT = 300
_RELATED_LIMIT, _LOOKED_AT = 20, 100
_UNIDENTIFIED = frozenset(["@id", "@type", "@context"])
# Where a node may hold others that the page is about.
_LEADING = ("breadcrumb", "about", "mainEntityOfPage", "mainEntity", "@graph")
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
    """

    source: str
    node: Node
    is_group: bool = False


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
    :ivar nameless: products without a name.
    """

    candidates: list[Candidate] = field(default_factory=list)
    breadcrumbs: list[Node] = field(default_factory=list)
    signs: set[str] = field(default_factory=set)
    articles: list[Article] = field(default_factory=list)
    site_names: set[str] = field(default_factory=set)
    related: list[str] = field(default_factory=list)
    similar: set[tuple[str, str]] = field(default_factory=set)
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
        self._linked: set[int] = set()
        self._count = 0

    def resolve(self, value: object) -> Any:
        """The node that ``{"@id": ...}`` stands for, or the value itself."""
        if isinstance(value, dict) and "@id" in value and len(value) <= 3:
            name = value["@id"]
            if isinstance(name, str) and value.keys() <= _UNIDENTIFIED:
                return self._by_id.get(name, value)
        return value

    def walk(self, found: Found) -> None:
        """Add to ``found`` what these nodes hold."""
        offers: list[Node] = []
        before = len(found.candidates)
        self._walk(found, offers)
        if len(found.candidates) == before and len(offers) == 1:
            self._offered(offers[0], found)
        for offer in offers[:_LOOKED_AT] if len(found.candidates) > before else ():
            self._hand_over(offer, found.candidates[before:])

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
            if depth >= DEPTH_LIMIT or value.keys().isdisjoint(_LEADING):
                continue
            for key in _LEADING:
                child = value.get(key)
                if isinstance(child, (dict, list)):
                    # A page is about its product; an article about a product is no product page.
                    allowed = key != "breadcrumb" and (key != "about" or bool(named & PAGES))
                    waiting.append((child, depth + 1, allowed))

    def _product(self, node: Node, named: frozenset[str], found: Found) -> None:
        if self._count >= CANDIDATE_LIMIT:
            return
        for key in node.keys() & RELATED:
            self._note_related(node[key], found)
        own_id = node.get("@id")
        for key in ("isRelatedTo", "isSimilarTo") if isinstance(own_id, str) else ():
            for other in islice(each(node.get(key)), NODE_LIMIT):
                other_id = other.get("@id") if isinstance(other, dict) else other
                if isinstance(other_id, str):
                    found.similar.add((str(own_id), other_id))
        is_group = bool(named & GROUPS) or "hasVariant" in node
        name = name_of(node.get("name") or node.get("title"))
        if not name or is_placeholder(name):
            variant = next(each(node.get("hasVariant")), None)
            if not is_group or not isinstance(self.resolve(variant), dict):
                if node.keys() - _UNIDENTIFIED:
                    found.nameless.append(Candidate(self._source, node))
                return
        self._count += 1
        self._link(node)
        found.candidates.append(Candidate(self._source, node, is_group))

    def _note_related(self, value: object, found: Found) -> None:
        for related in islice(each(value), _LOOKED_AT):
            if len(found.related) >= _RELATED_LIMIT:
                return
            node = self.resolve(related)
            if isinstance(node, dict) and types(node) & PRODUCTS:
                found.related.append(name_of(node.get("name"))[:200])

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
                for element in islice(each(node["itemListElement"]), _RELATED_LIMIT)
            ]
            self._note_related(items, found)

    def _offered(self, offer: Node, found: Found) -> None:
        for offered in each(offer["itemOffered"]):
            node = self.resolve(offered)
            if isinstance(node, dict) and types(node) & PRODUCTS:
                about = {key: value for key, value in offer.items() if key != "itemOffered"}
                self._product({"offers": about, **node}, types(node), found)
                return

    def _hand_over(self, offer: Node, candidates: list[Candidate]) -> None:
        """Give an offer to the product beside it that it names."""
        for offered in islice(each(offer["itemOffered"]), _LOOKED_AT):
            node = self.resolve(offered)
            if any(candidate.node is node for candidate in candidates):
                about = {key: value for key, value in offer.items() if key != "itemOffered"}
                node.setdefault("offers", about)

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

    @ReadOnce
    def _by_id(self) -> dict[str, Node]:
        """All described nodes by ``@id``; two products of one ``@id`` are one (rule R11)."""
        index: dict[str, Node] = {}
        merged: set[str] = set()
        waiting: list[tuple[Any, int]] = [(root, 0) for root in reversed(self._roots)]
        count = 0
        while waiting and count < NODE_LIMIT:
            value, depth = waiting.pop()
            count += 1
            children = value[:NODE_LIMIT] if isinstance(value, list) else []
            if isinstance(value, dict):
                if "@id" in value:
                    _add_named(value, index, merged)
                children = [child for key, child in value.items() if key not in _OPINIONS]
            if depth < DEPTH_LIMIT:
                waiting += [
                    (child, depth + 1)
                    for child in reversed(children)
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
