"""Which of the page's products is the one that the page is about.

Three things speak: addresses (a product that names this page, or another one), words (the title,
the headings and the metas name a product, or something else), and signs of a page that lists
products or tells of them. An address of this page decides; words decide where no address does; with
a sign both are asked for more. Where nothing decides there is no product: a wrong view is worse
than none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from topmail_flask.extraction.addresses import EXTENSION, PageLocation, last_segment, squashed
from topmail_flask.extraction.document import Document, ReadOnce
from topmail_flask.extraction.offers import offers_of, price_of
from topmail_flask.extraction.products import Entity
from topmail_flask.extraction.schema_org import Found, scalar_text, types
from topmail_flask.extraction.statements import TITLE_PARTS, OpenGraph
from topmail_flask.model.reasons import Reason

# No product stands under these.
_ELSEWHERE_WORDS = frozenset(
    """cart carts shopping-cart shoppingcart warenkorb einkaufswagen panier carrito carrello
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
    order-confirmation order-complete order-received thank-you thank_you thankyou""".split()
)
# Orders: but a pizza stands under /order/margherita.
_ORDERS = frozenset(
    ["order", "orders", "bestellung", "bestellungen", "commande", "commandes", "pedido", "pedidos"]
)
_OF_ORDERS = re.compile(
    r"\W*(?:\d[\d-]*|[0-9a-f-]{8,}|received|confirmation|confirmed|complete[d]?|history|status|track\w*"
    r"|thank-?_?you|details?|view|success|new|all|list|bestaetigung|danke)\W*"
)
# These are searches and carts too, but also names of places that goods stand under.
_ELSEWHERE_ALONE = frozenset(
    """bag basket kasse kassa kassan find results sok haku ara cerca kurv kosar favorites favourites
    konto profile payment success""".split()
)
_SHOP_ROOTS = frozenset(
    """shop store onlineshop webshop eshop catalog boutique tienda negozio sklep obchod butik winkel
    loja magaza index user users my b2c""".split()
)
# A page directly under one of these lists products, or tells of them.
_LISTINGS = frozenset(
    """c collection collections category categories product-category kategorie kategorien
    produkt-kategorie produktkategorie categorie categorie-produit categoria categoria-producto
    kategori brand brands marke marken marque marques marca tag tags product-tag
    blog blogs news magazin magazine journal ratgeber guides recipes rezepte recettes""".split()
)
_PRODUCTS = frozenset(["p", "product", "products"])
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2,4})?\Z")
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
    if segments[0] in _ORDERS:
        return all(map(_OF_ORDERS.fullmatch, segments[1:]))
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
    segments = [segment for segment in path.split("/") if segment][:20]
    if segments:
        segments[-1] = EXTENSION.sub("", segments[-1])
        if len(segments) > 1 and _LANGUAGE.match(segments[0]):
            del segments[0]
    return segments


_WORD = re.compile(r"\w{2,}")
_WORDS = re.compile(r"\w+")
_SAYS_MORE = re.compile(r"\s*[,(|–/]")
# What a title says of a page whatever it shows.
_ANY_PRODUCT = frozenset(
    """product products item article detail details product details product page produkt artikel
    produit article produkte producto prodotto produto shop store home produktdetails produktdetail
    artikeldetails artikeldetail productdetails productdetail""".split()
)
_PAGED = re.compile(rb"(?i)rel=[\"']?next\b|[?&](?:amp;)?page=2\b|view_item_list")
_CARDS = re.compile(rb"(?i)product-(?:card|item|tile|grid)|grid__item|productgrid")
_MANY_CARDS = 6
_LISTING_ADDRESS = "the address is that of a category, a brand or an article"
_ELSEWHERE = "the address is that of a cart, a search or an account"
_BUYING = frozenset(["searchresultspage", "checkoutpage"])
_ARTICLE = "the page is an article"
_ABOUT_ANOTHER = "the page's heading and title are about another"


@dataclass(frozen=True, slots=True)
class Choice:
    """The page's product, or the reason why none is."""

    entity: Entity | None = None
    reason: Reason | None = None
    why: str = ""


class Words:
    """What the title, the headings and the metas of a page say."""

    def __init__(self, document: Document, og: OpenGraph, site_names: set[str], host: str) -> None:
        self._document = document
        self._og_title = _line(og.title)
        self._title = document.head.title
        shop = {*site_names, og.values.get("og:site_name", ""), *host.split(".")[:-1]}
        self._shop = {squashed(name) for name in shop} - {""}

    @ReadOnce
    def title_parts(self) -> list[str]:
        return [_line(part) for part in TITLE_PARTS.split(self._title) if part.strip()]

    @ReadOnce
    def headings(self) -> list[str]:
        """The headings of the first level: they cost a tree, so they are asked last."""
        return [_line(text) for text in self._document.headings() if text]

    @ReadOnce
    def subheadings(self) -> list[str]:
        return [_line(text) for text in self._document.subheadings()]

    @ReadOnce
    def _front_links(self) -> set[str]:
        """What the links to the front page say: the name of the shop, as a rule."""
        return {squashed(text) for text in self._document.links_to("/")} - {""}

    def lead_to(self, name: str) -> bool:
        """Whether a heading says more behind this name, or one below silent ones is this name."""
        line = _line(name)
        for text in self.headings:
            if text.startswith(line) and _SAYS_MORE.match(text, len(line)):
                return True
        telling = (text for text in self.headings if self._tells(text, name))
        return all(self.title_parts == [text] for text in telling) and line in self.subheadings

    def equal(self, name: str) -> bool:
        """Whether the metas, a heading or a part of the title is this name."""
        name = _line(name)
        return name == self._og_title or name in self.title_parts or name in self.headings

    def hold(self, name: str) -> bool:
        """Whether the title, the metas or a heading have this name in them, as words."""
        return _names(f"{self._title} {self._og_title}", name) or self.show(name)

    def show(self, name: str) -> bool:
        """The same without the metas, which a theme may print of another product."""
        return _names(self._title, name) or any(_names(text, name) for text in self.headings)

    def are_mostly(self, name: str) -> bool:
        """Whether a heading or the title has two thirds of the words of this name, or more."""
        words = set(_WORDS.findall(name.casefold()))
        return len(words) > 1 and any(
            3 * len(words.intersection(_WORDS.findall(text))) >= 2 * len(words)
            for text in (_line(self._title), *self.headings)
        )

    def are_titled(self, name: str) -> bool:
        """Like :meth:`hold`, but the end of a title may be the name of the shop; or no title."""
        parts = TITLE_PARTS.split(self._title)
        if parts[1:] and _line(parts[-1]) == _line(name):
            return _line(name) in self.headings
        title = " ".join(parts[:-1] or parts)
        named = (self._og_title, *self.headings)
        return not self.tell_anything(title) or _names(title, name) or _line(name) in named

    def tell_anything(self, title: str | None = None) -> bool:
        """Whether there is a title, or a heading of the first level."""
        return bool((self._title if title is None else title).strip() or self.headings)

    def have_own_subject(self, name: str) -> bool:
        """Whether the first headings there are say what the page is about."""
        return any(self._tells(line, name) for line in self.headings or self.subheadings)

    def are_about_another(self, entity: Entity, path: str) -> bool:
        """Whether a heading tells something, and no word of the product stands anywhere."""
        words = _WORD.findall(" ".join((entity.name, *entity.ids.values())).casefold())

        def say_it(text: str) -> bool:  # by the beginnings of words: plurals, cases
            text = text.casefold()
            parts = _WORD.findall(text)  # "ck" is not in "track"
            return any(
                word[:4] in (parts if word.isascii() and len(word) < 4 else text) for word in words
            )

        if not words or say_it(f"{self._title} {self._og_title} {path}"):
            return False
        if any(map(say_it, self.headings)):
            return False
        telling = [text for text in self.headings if self._tells(text, entity.name)]
        if not telling:
            return False
        here = squashed(last_segment(path))
        if any(squashed(text) == here for text in telling):
            return True
        below = self.subheadings
        if self.title_parts in ([text] for text in telling):  # perhaps the shop's name
            return not any(map(say_it, below))
        is_own = entity.has("offers", "json_ld")
        return not (is_own and below[:1] == [_line(entity.name)])

    def tell_of_another(self, name: str, address: Collection[str] | None) -> bool:
        """Whether a heading says what the page is about, and neither it nor the title is this name.

        :param address: what the page's address says; None: the same for every visitor. A heading
            that says it too may be this name in another language, and a lesser one this name.
        """
        if self.hold(name) or self.equal(name) or self.are_mostly(name):
            return False
        telling = [text for text in self.headings if self._tells(text, name)]
        if not telling or any(_line(name).startswith(text) for text in telling):
            return False
        if address is None:  # the heading may be the shop's name
            is_shop = all(self.title_parts == [text] for text in telling)
            return not (is_shop and self.subheadings[:1] == [_line(name)])
        if any(squashed(text) in map(squashed, address) for text in telling):
            return False
        below = self._document.subheadings("h2, h3, h4, h5, h6") if address else []
        return _line(name) not in map(_line, below)

    def _tells(self, heading: str, name: str) -> bool:
        """Whether it says what the page is about: not the shop's name or in other letters."""
        if squashed(heading) in self._shop | self._front_links or _script(heading) != _script(name):
            return False
        if _ANY_PRODUCT.issuperset(heading.split()):
            return False
        rest = [part for part in self.title_parts if part != heading]
        is_shop = len(rest) < len(self.title_parts) and bool(rest)
        return not (is_shop and all(_ANY_PRODUCT.issuperset(part.split()) for part in rest))


class Chooser:
    """The choice among entities, with what the page says beside its structured data."""

    def __init__(
        self, document: Document, place: PageLocation, og: OpenGraph, found: Found
    ) -> None:
        self._document = document
        self._place = place
        self._og = og
        self._found = found
        host = urlsplit(place.url).hostname or ""
        self._words = Words(document, og, found.site_names, host)

    def choose(self, entities: list[Entity]) -> Choice:
        if not entities:
            return self._none()
        if self._found.similar:
            entities = self._without_similar(entities)
        if len(entities) > 1:
            named = [entity for entity in entities if not _is_bare(entity)]
            entities = named if len(named) > 1 else entities
        sign = self._sign()
        if len(entities) == 1:
            return self._only(entities[0], sign)
        chosen = self._of_this_page(entities) or self._named(entities, sign)
        if chosen is None and not sign:
            chosen = self._led_to(entities)
        if chosen is None and sign in ("", _LISTING_ADDRESS):
            chosen = self._beside_others(entities)
            if chosen is not None and sign and not self._words.hold(chosen.name):
                chosen = None
        if chosen is not None:
            return Choice(chosen)
        if sign and sign != _LISTING_ADDRESS:
            return Choice(None, Reason.LISTING, sign)
        return Choice(None, Reason.AMBIGUOUS, "several products, and none is this page's own")

    def _none(self) -> Choice:
        found = self._found
        if found.nameless:
            return Choice(None, Reason.INCOMPLETE, "a product without a name")
        if (found.signs and found.related) or self._og.is_listing:
            return Choice(None, Reason.LISTING, "a list of products")
        return Choice(None, Reason.NO_PRODUCT, "")

    def _sign(self) -> str:
        """What says that the page is not about one product, or ""."""
        if is_elsewhere(self._place.url) or not _BUYING.isdisjoint(self._found.signs):
            return _ELSEWHERE
        if self._found.signs:
            return f"the page says that it is a {', '.join(sorted(self._found.signs))}"
        if self._og.is_listing:
            return "og:type is product.group"
        if self._found.articles:
            return _ARTICLE
        if is_listing(self._place.url) and not (self._og.is_product and self._og.is_described):
            return _LISTING_ADDRESS
        return ""

    def _without_similar(self, entities: list[Entity]) -> list[Entity]:
        """Without those that another one refers to as similar, unless they say so in return."""
        similar = self._found.similar
        named = {to for by, to in similar if (to, by) not in similar}
        kept = [
            entity
            for entity in entities
            if entity.match
            or named.isdisjoint(str(member.node.get("@id")) for member in entity.members)
        ]
        return kept or entities

    def _only(self, entity: Entity, sign: str) -> Choice:
        is_list = is_listing(self._place.url) or "collectionpage" in self._found.signs
        if is_list and _is_category(entity):
            return Choice(None, Reason.LISTING, "a category that is marked up as a product")
        if entity.match and not (entity.is_hint and sign and sign != _LISTING_ADDRESS):
            return Choice(entity)
        if entity.is_hint:
            return self._hinted(entity, sign)
        sign = self._sign_against(entity, sign)
        if sign == _ARTICLE:
            return Choice(None, Reason.NO_PRODUCT, sign)
        if sign:
            named = self._words.hold(entity.name) or (
                sign == _LISTING_ADDRESS and self._is_on_sale(entity)
            )
            if named and not (entity.is_foreign or sign == _ELSEWHERE or _is_bare(entity)):
                return Choice(entity)
            return Choice(None, Reason.LISTING, sign)
        return self._doubted(entity)

    def _sign_against(self, entity: Entity, sign: str) -> str:
        """The sign that speaks against this product, or ""."""
        if sign == _ARTICLE:
            return "" if self._sells_beside_article(entity) else sign
        if sign:
            return sign
        if self._og.type == "article":
            return "og:type is article"
        if entity.is_foreign and self._og.type == "website":
            if self._words.show(entity.name) and self._is_same_place(entity):
                return ""
            return "og:type is website, and the product names another page"
        return ""

    def _doubted(self, entity: Entity) -> Choice:
        """The only product, where no sign speaks against it, unless the page is about another."""
        words, name = self._words, entity.name
        if entity.is_foreign and not words.hold(name):
            stale = (entity.has("offers") or entity.has("price")) and all(
                member.source == "microdata" for member in entity.members
            )
            if self._place.canonical is not None or not stale or words.headings:
                return Choice(None, Reason.AMBIGUOUS, "the product names another page")
        if _is_bare(entity) and not words.are_titled(name):
            return Choice(None, Reason.INCOMPLETE, "a product of a name alone")
        has_key = entity.ids or entity.group or any(member.url for member in entity.members)
        path = unquote(urlsplit(self._place.url).path)
        # Without a key its address would be its id.
        if (not has_key and words.tell_of_another(name, ("",))) or (
            words.are_about_another(entity, path) and not self._is_priced_alike(entity)
        ):
            return Choice(None, Reason.AMBIGUOUS, _ABOUT_ANOTHER)
        return Choice(entity)

    def _hinted(self, entity: Entity, sign: str) -> Choice:
        """A product of tags or events, which other pages have too."""
        html = self._document.html
        is_event = entity.members[0].source == "view_item" and self._words.equal(entity.name)
        if sign or (
            not is_event and (_PAGED.search(html) or len(_CARDS.findall(html)) >= _MANY_CARDS)
        ):
            return Choice(None, Reason.LISTING, sign or "the page lists products")
        if not self._words.show(entity.name):
            return Choice(None, Reason.AMBIGUOUS, _ABOUT_ANOTHER)
        return Choice(entity)

    def _sells_beside_article(self, entity: Entity) -> bool:
        """Whether the article is the product's text, or stands beside the page's own product.

        A shop that sells the meal shows its recipe; a blog's post about a product sells nothing.
        """
        if entity.is_foreign or not entity.has("offers"):
            return False
        name, articles = _line(entity.name), self._found.articles
        if all(article.is_recipe and _line(article.headline) == name for article in articles):
            return self._words.equal(entity.name)
        if is_listing(self._place.url) or self._og.type == "article":
            return False
        return self._words.equal(entity.name) and not any(
            _line(article.headline) != name
            and (_names(article.headline, name) or self._words.hold(article.headline))
            for article in articles
        )

    def _is_same_place(self, entity: Entity) -> bool:
        """Whether an address elsewhere in the shop may be another one of this page."""
        here = last_segment(urlsplit(self._place.url).path).casefold()
        return any(
            member.source != "microdata"
            or (member.url and last_segment(urlsplit(member.url).path).casefold() == here)
            for member in entity.members
        )

    def _is_on_sale(self, entity: Entity) -> bool:
        """Whether it is offered, and a heading has most of its words: the shop sells magazines."""
        return (
            entity.has("offers", "json_ld")
            and self._og.type != "article"
            and self._words.are_mostly(entity.name)
        )

    def _is_priced_alike(self, entity: Entity) -> bool:
        """Whether the page calls itself a product of the same price, by another name."""
        price = price_of(self._og.node()) if self._og.is_product else ""
        return bool(price) and any(price_of(member.node) == price for member in entity.members)

    def _of_this_page(self, entities: list[Entity]) -> Entity | None:
        for least in (2, 1):
            here = [entity for entity in entities if entity.match >= least]
            if len(here) == 1:
                return here[0]
            if here and len({entity.name.casefold() for entity in here}) == 1:
                return _as_sizes(here)
            if here:
                named = [entity for entity in here if self._words.equal(entity.name)]
                return named[0] if len(named) == 1 else None
        return None

    def _named(self, entities: list[Entity], sign: str) -> Entity | None:
        """The one, or the sizes of the one, of the page's name, whatever stands beside it.

        A page with a sign has to call itself a product; so has one of sizes with own addresses.
        """
        if sign and not self._og.is_product:
            return None
        named = [entity for entity in entities if self._words.equal(entity.name)]
        is_all = self._og.is_product and len(named) == len(entities)
        named = [entity for entity in named if not entity.is_foreign] or (named if is_all else [])
        if named and len({entity.name.casefold() for entity in named}) == 1:
            return _as_sizes(named) if len(named) > 1 else named[0]
        return None

    def _led_to(self, entities: list[Entity]) -> Entity | None:
        """The one that a heading begins with, or that alone is one of the lesser headings."""
        own = [entity for entity in entities if not entity.is_foreign]
        named = [entity for entity in own if self._words.lead_to(entity.name)]
        mentioned = [entity for entity in entities if self._words.hold(entity.name)]
        return named[0] if len(named) == 1 and mentioned in ([], named) else None

    def _beside_others(self, entities: list[Entity]) -> Entity | None:
        own = [entity for entity in entities if not entity.is_foreign]
        if len(own) == 1 and self._words.hold(own[0].name):
            return own[0]
        best = [
            entity for entity in entities if "json_ld" in {each.source for each in entity.members}
        ]
        if len(best) != 1 or best[0].is_foreign or _is_bare(best[0]):
            return None
        others = [entity for entity in entities if entity is not best[0]]
        if all(other.is_foreign for other in others) or self._words.hold(best[0].name):
            return best[0]
        return None


def _is_bare(entity: Entity) -> bool:
    """Nothing but a name and a rating in JSON-LD: plug-ins rate the whole shop that way."""
    if entity.has("offers") or entity.has("price") or not entity.has("aggregateRating"):
        return False
    return not any(
        member.source != "json_ld" or member.ids or member.url or member.is_group
        for member in entity.members
    )


def _is_category(entity: Entity) -> bool:
    """Whether it is many offers without an id: a category that is marked up as one product."""
    if entity.ids or entity.variants or entity.group:
        return False
    return any(
        "aggregateoffer" in types(offer) and _count(offer.get("offerCount")) > 1
        for member in entity.members
        for offer in offers_of(member.node)[:1]
    )


def _count(value: object) -> int:
    text = scalar_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _line(text: str) -> str:
    return " ".join(text.split()).casefold()


def _script(text: str) -> str:
    """The script of most letters: ``LATIN``, ``CYRILLIC``, ``CJK`` and so on."""
    named = [unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()]
    found = max(named, key=named.count, default="")
    return "CJK" if found in ("HIRAGANA", "KATAKANA") else found


def _names(title: str, name: str) -> bool:
    """Whether a title has the name in it as words: ``Lamps`` does not name the ``Lamp``."""
    title, name = _line(title), _line(name)
    if len(name) < 3:
        return False
    at = title.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_goes_on(title[:at][-1:], name[0]) or _goes_on(name[-1], title[end : end + 1])):
            return True
        at = title.find(name, at + 1)
    return False


def _goes_on(before: str, other: str) -> bool:
    """Whether two letters or digits are inside one word; scripts without case have no spaces."""
    return all(x.isdigit() or x.lower() != x.upper() for x in (before, other))


def _as_sizes(entities: list[Entity]) -> Entity:
    """Products of one name on one page as one product: the first stands for all."""
    first = entities[0]
    variants = [unit for entity in entities for unit in (entity.variants or entity.members[:1])]
    return Entity(first.members, variants if len(variants) > 1 else [], first.group)
