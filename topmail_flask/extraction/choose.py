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
* The same holds for addresses of carts, searches and accounts.
* On the address of a category, a brand or an article, and on a page of ``og:type`` article, the
  only product must be named by the title or a heading.
* A title names a product by whole words: ``Lamps`` does not name the ``Lamp``.
* A name with nothing but a rating, in JSON-LD, is a plug-in's rating of the shop.
* A page whose heading, title and address have no word of the product's name is about another.
* A product that another one calls similar is not the page's, unless both do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from topmail_flask.extraction.addresses import Place
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.graph import Found
from topmail_flask.extraction.open_graph import OpenGraph
from topmail_flask.extraction.products import Entity
from topmail_flask.model.reasons import Reason

# No product stands under these.
_ELSEWHERE_WORDS = frozenset(
    """
    cart carts shopping-cart shoppingcart warenkorb einkaufswagen panier carrito carrello
    winkelwagen winkelmand koszyk kosik nakupni-kosik varukorg kundvagn handlekurv indkobskurv
    ostoskori sepet sepetim carrinho keranjang cos-cumparaturi кошик корзина
    checkout checkouts zur-kasse caisse finalizar-compra afrekenen pokladna odeme
    search searchresults search-results catalogsearch suche suchergebnisse recherche buscar busca
    busqueda ricerca zoeken szukaj hledat vyhledavani kereses pesquisa arama
    wishlist wish-list wishlists favoriten merkzettel merkliste wunschliste wunschzettel favoris
    favoritos verlanglijst ulubione
    compare comparison product_compare product-compare vergleich vergleichsliste comparer comparador
    account my-account myaccount mein-konto kundenkonto mon-compte mi-cuenta customer
    login log-in signin sign-in register anmelden connexion
    order orders order-confirmation order-complete order-received thank-you thank_you thankyou
    bestellung bestellungen commande commandes
    """.split()  # noqa: SIM905  (a list of words)
)
# These are searches and carts too, but also names of places that goods stand under.
_ELSEWHERE_ALONE = frozenset(
    """
    bag basket kasse kassa kassan find results sok haku ara cerca kurv kosar favorites favourites
    konto profile payment success
    """.split()  # noqa: SIM905  (a list of words)
)
_SHOP_ROOTS = frozenset(
    """
    shop store onlineshop webshop eshop catalog boutique tienda negozio sklep obchod butik winkel
    loja magaza index user users my b2c
    """.split()  # noqa: SIM905  (a list of words)
)
# A page directly under one of these lists products, or tells of them.
_LISTINGS = frozenset(
    """
    c collection collections category categories product-category kategorie kategorien
    produkt-kategorie produktkategorie categorie categorie-produit categoria categoria-producto
    kategori brand brands marke marken marque marques marca tag tags product-tag
    blog blogs news magazin magazine journal ratgeber guides recipes rezepte recettes
    """.split()  # noqa: SIM905  (a list of words)
)
_PRODUCTS = frozenset(["p", "product", "products"])
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2,4})?\Z")
_EXTENSION = re.compile(r"\.(?:x?html?|php|aspx?|jsp|do)\Z")
_SEARCH = re.compile(r"(?:\A|&)(?:q|query|search|search_query|keywords?|s)=[^&]")


@lru_cache(maxsize=1024)
def is_elsewhere(url: str) -> bool:
    """The address of a cart, a search, an account, a comparison or an order."""
    segments = _segments(url)
    if not segments:
        return False
    # Elsewhere they may be what goods are called: /books/thank-you, /p/search.
    if len(segments) > 1 and segments[0] in _SHOP_ROOTS:
        del segments[0]
    return segments[0] in _ELSEWHERE_WORDS or (
        segments[0] in _ELSEWHERE_ALONE and len(segments) == 1
    )


@lru_cache(maxsize=1024)
def is_listing(url: str) -> bool:
    """The address of a category, a brand, a collection or an article, or of a filtered search."""
    segments = _segments(url)
    if len(segments) > 2 and segments[0] in _SHOP_ROOTS:
        del segments[0]
    if len(segments) > 1 and segments[0] in _LISTINGS and _PRODUCTS.isdisjoint(segments):
        return True
    try:
        return bool(_SEARCH.search(urlsplit(url).query)) and len(segments) <= 1
    except ValueError:
        return False


def _segments(url: str) -> list[str]:
    """The parts of the path in lower case, without a leading language and the file's ending."""
    try:
        path = unquote(urlsplit(url).path).lower()
    except ValueError:
        return []
    segments = [one for one in path.split("/") if one][:20]
    if segments:
        segments[-1] = _EXTENSION.sub("", segments[-1])
        if len(segments) > 1 and _LANGUAGE.match(segments[0]):
            del segments[0]
    return segments


_WORD = re.compile(r"\w{2,}")
_TITLE_PARTS = re.compile(r"\s+[|–—·»-]\s+")
_LISTING_ADDRESS = "the address is that of a category, a brand or an article"
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
        if self._found.similar:
            entities = self._without_similar(entities)
        sign = self._sign()
        if len(entities) == 1:
            return self._only(entities[0], sign)
        chosen = self._of_this_page(entities) or self._named(entities)
        if chosen is None and sign in ("", _LISTING_ADDRESS):
            chosen = self._beside_others(entities)
            if chosen is not None and sign and not self._speaks_for(chosen):
                chosen = None
        if chosen is not None:
            return Choice(chosen)
        if sign and sign != _LISTING_ADDRESS:
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
        if is_elsewhere(self._place.url):
            return _ELSEWHERE
        if self._found.signs:
            return f"the page says that it is a {', '.join(sorted(self._found.signs))} (R23)"
        if self._og.is_listing:
            return "og:type is product.group (R19)"
        if self._found.is_article:
            return "the page is an article"
        if is_listing(self._place.url) and not (self._og.is_product and self._og.is_described):
            return _LISTING_ADDRESS
        return ""

    def _without_similar(self, entities: list[Entity]) -> list[Entity]:
        """Without those that another one refers to as similar, unless they say so in return."""
        told = self._found.similar
        named = {to for by, to in told if (to, by) not in told}
        kept = [
            one
            for one in entities
            if one.match or named.isdisjoint(str(told.node.get("@id")) for told in one.members)
        ]
        return kept or entities

    def _only(self, entity: Entity, sign: str) -> Choice:
        if entity.match:
            return Choice(entity)
        if not sign and entity.is_foreign and self._og.type == "website":
            sign = "og:type is website, and the product names another page (R23)"
        if not sign and self._og.type == "article":
            sign = "og:type is article"
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
            if self._place.canonical is not None or not stale or any(self._document.headings()):
                return Choice(None, Reason.AMBIGUOUS, "the product names another page (R26)")
        if _is_bare(entity) and not self._is_titled(entity):
            return Choice(None, Reason.INCOMPLETE, "a product of a name alone (R15)")
        if self._is_unheard_of(entity):
            return Choice(None, Reason.AMBIGUOUS, "the page's heading and title are about another")
        return Choice(entity)

    def _is_unheard_of(self, entity: Entity) -> bool:
        """Whether a page with a heading has no word of the product's name anywhere that counts."""
        path = unquote(urlsplit(self._place.url).path)
        words = _WORD.findall(" ".join((entity.name, *entity.ids.values())).casefold())

        def says_it(text: str) -> bool:  # by the beginnings of words: plurals, cases
            return any(word[:4] in text.casefold() for word in words)

        if not words or says_it(f"{self._document.head.title} {self._og.title} {path}"):
            return False
        headings = " ".join(self._document.headings())  # costs a tree: asked last
        return bool(headings) and not says_it(headings)

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
        title = f"{self._document.head.title} {self._og.title}"
        return _names(title, entity.name) or self._is_headline(entity)

    def _is_titled(self, entity: Entity) -> bool:
        """The same, but the end of a title may be the name of the shop; or there is no title."""
        parts = _TITLE_PARTS.split(self._document.head.title)
        title = " ".join(parts[:-1] or parts)
        is_silent = not title.strip() and not any(self._document.headings())
        return is_silent or _names(title, entity.name) or self._is_headline(entity)


def _is_bare(entity: Entity) -> bool:
    """Nothing but a name and a rating in JSON-LD: plug-ins rate the whole shop that way."""
    rated = any("aggregateRating" in one.node for one in entity.members)
    return rated and not any(
        one.source != "json_ld"
        or one.ids
        or one.url
        or one.is_group
        or "offers" in one.node
        or "price" in one.node
        for one in entity.members
    )


def _names(title: str, name: str) -> bool:
    """Whether a title has the name in it as words: ``Lamps`` does not name the ``Lamp``."""
    title, name = " ".join(title.split()).casefold(), name.casefold()
    if len(name) < 3:
        return False
    at = title.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_goes_on(title[:at][-1:], name[0]) or _goes_on(name[-1], title[end : end + 1])):
            return True
        at = title.find(name, at + 1)
    return False


def _goes_on(one: str, other: str) -> bool:
    """Whether two letters or digits are inside one word; scripts without case have no spaces."""
    return all(x.isdigit() or x.lower() != x.upper() for x in (one, other))


def _as_sizes(entities: list[Entity]) -> Entity:
    """Products of one name on one page as one product: the first stands for all."""
    first = entities[0]
    variants = [one for entity in entities for one in (entity.variants or entity.members[:1])]
    return Entity(first.members, variants if len(variants) > 1 else [], first.group)
