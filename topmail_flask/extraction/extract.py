"""Which product a page shows: one pure function for request, middleware, command line and tests.

:data:`SOURCES` is the ordered list of the ways in which a page may describe its product. To add one
is a function in a file of its own and an entry here.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from topmail_flask.extraction import json_ld, microdata, statements
from topmail_flask.extraction.addresses import (
    PageLocation,
    address_key,
    is_front_page,
    without_tracking,
)
from topmail_flask.extraction.assemble import (
    NOTED,
    Assembly,
    arguments,
    assemble,
    assemble_plain,
    brand_of,
    category_of,
    image_of,
)
from topmail_flask.extraction.currencies import currency_code, machine_amount, rounded, sane
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.encodings import in_utf8
from topmail_flask.extraction.named_product import (
    NOTHING_ASKED,
    Memory,
    PageSays,
    as_shown,
    ask_page,
    complete,
    is_doubtful,
    is_same,
    of_same_product,
)
from topmail_flask.extraction.page import Kind, Source, StructuredPage, holding, place_of
from topmail_flask.extraction.products import Described, Entity, identifier_of, identifiers
from topmail_flask.extraction.schema_org import Node, plain, short_type
from topmail_flask.model.decision import (
    Extraction,
    GuessedProduct,
    Noted,
    Rejected,
    ShopPrice,
    Trace,
)
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import ID_LIMIT, Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

_ITEMS, _METAS, _EVENT = microdata.VOCABULARIES, statements.METAS, (statements.EVENT,)
SOURCES = (
    Source("json_ld", json_ld.read, json_ld.mentions_product),
    Source("microdata", microdata.read, microdata.mentions_product, markers=_ITEMS),
    Source("rdfa", microdata.read_rdfa, microdata.mentions_rdfa, markers=_ITEMS),
    Source("open_graph", statements.read, statements.mentions_product, Kind.STATEMENT, _METAS),
    Source("product_tags", statements.read_tags, statements.mentions_tags, Kind.HINT, _METAS),
    Source("view_item", statements.read_view_item, holding(statements.EVENT), Kind.HINT, _EVENT),
)
_MENTIONS = [source.mentions for source in SOURCES]
_MENTIONS_UNMARKED = [source.mentions for source in SOURCES if not source.markers]
_MARKERS = tuple(dict.fromkeys(marker for source in SOURCES for marker in source.markers))
_MENTIONS_ITEMS = [source.mentions for source in SOURCES if source.kind is Kind.ITEMS]
_MENTIONS_OTHERS = [
    mentions for mentions in _MENTIONS_ITEMS if mentions != json_ld.mentions_product
]
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip, zstd: read as a page, to say why not
_REMEMBERED_BYTES = 16 * 1024
# Offers begin and end: an answer is believed for this many seconds.
_MOMENT = 600
_DEFAULTS = Settings()
# A store shows the same few pages again and again. Where JSON-LD and the head decide, reading them
# twice gives the same answer: it is remembered by everything that it depends on.
_RECENT: Memory[Extraction] = Memory(512)
_VERDICTS: Memory[tuple[Extraction, PageSays, int]] = Memory(2048)
_SAID: Memory[PageSays] = Memory(2048)


def extract(  # noqa: PLR0913  all but the page and its address have a default
    html: bytes | str,
    url: str,
    *,
    currency: str | None = None,
    declared: Product | None = None,
    template_product: Product | GuessedProduct | None = None,
    settings: Settings | None = None,
    charset: str | None = None,
    view_args: Mapping[str, object] | None = None,
    now: float | None = None,
) -> Extraction:
    """The product that a page shows, or the reason why there is none. Never raises.

    A declared product, else one of the template, *is* the product: the page's structured data only
    fills its gaps, and only where it describes the same product. Without either, JSON-LD, microdata
    and OpenGraph tell it, in this order. About the price of a template's product, which nobody
    named as the product, the page has the last word.

    :param html: the page, decoded or as bytes.
    :param url: absolute URL of the request, with its query, on the shop's own site.
    :param currency: ISO 4217 code of prices that name none; instead of the setting.
    :param declared: the product that the shop named for this page.
    :param template_product: the product of a template variable that nobody marked.
    :param settings: the shop's settings; None: the defaults.
    :param charset: character set that the Content-Type named.
    :param view_args: the values that the route took from the URL; one may choose a variant.
    :param now: the time, in seconds since the epoch, by which offers begin and end.
    """
    guess = _guess(template_product) if isinstance(template_product, Product) else template_product
    document = Document(in_utf8(html, charset), url)
    return read_page(
        document, settings or _DEFAULTS, declared, guess, view_args, currency=currency, now=now
    )


def _guess(product: Product) -> GuessedProduct:
    """A template's product with the prices that it may mean."""
    if product.price is None or product.currency is None:
        return GuessedProduct(product)
    return GuessedProduct(product, (ShopPrice(product.price, product.currency, "price"),))


def read_page(
    document: Document,
    settings: Settings,
    declared: Product | None,
    guess: GuessedProduct | None,
    view_args: Mapping[str, object] | None,
    *,
    currency: str | None = None,
    now: float | None = None,
) -> Extraction:
    """What :func:`extract` says, of a page in UTF-8 that may have been looked at before."""
    url, page = document.url, document.html
    try:
        # A page that had nothing to add to this product is not searched for it again: markup of
        # a product would make it longer. (What a query holds is not kept.)
        is_kept = (declared is None) != (guess is None) and "?" not in url
        key = (url, len(page), declared, guess) if is_kept else None
        known = _VERDICTS.get(key) if key else None
        if known is not None:
            extraction, says, page_hash = known
            if says.still_in(page) and (says.is_proved or page_hash == hash(page)):
                return extraction
        chosen = arguments(url, view_args, settings.variant_args)
        now = time.time() if now is None else now
        currency = currency or settings.currency
        return PageInput(document, settings, currency, now, chosen, declared, guess).verdict(key)
    except Exception as error:  # noqa: BLE001  a page that breaks our reading is the shop's page still
        base = declared or (guess.product if guess else None)
        why = Rejected("page", f"could not be read: {type(error).__name__}")
        return Extraction(base, None if base else Reason.NO_PRODUCT, Trace(rejected=(why,)))


def may_hold_product(html: bytes) -> Document | None:
    """The page, if it pays to read it: None only if there is no product in its markup."""
    document = Document(html, "")
    is_marked = (
        _mentions_product(document)
        or b"\0\0" in (html[:4:2], html[1:4:2])  # UTF-16 hides every marker
        or html.startswith((b"\xff\xfe", b"\xfe\xff", *_COMPRESSED))
    )
    return document if is_marked else None


def _mentions_product(document: Document) -> bool:
    if any(map(document.once, _MENTIONS_UNMARKED)):
        return True
    rfind = document.html.rfind  # backwards: several times as fast
    for marker in _MARKERS:
        if rfind(marker) >= 0:
            return any(map(document.once, _MENTIONS))
    return False


@dataclass(frozen=True, slots=True)
class PageInput:
    """A page, how the shop wants it read, and what it says itself of its product.

    :ivar currency: code of prices that name none, or None.
    :ivar now: the time, in seconds since the epoch.
    :ivar chosen: values of arguments that choose a variant.
    """

    document: Document
    settings: Settings
    currency: str | None
    now: float
    chosen: frozenset[str]
    declared: Product | None
    guess: GuessedProduct | None

    def verdict(self, key: Hashable | None) -> Extraction:
        """The page's product, or why there is none.

        :param key: under which it is remembered, if the page adds nothing to what the shop named.
        """
        is_silent = not _mentions_product(self.document)
        extraction = self._alone() if is_silent else self.answer()
        says = NOTHING_ASKED
        if self.guess is not None and self.declared is None:
            says = self._ask_page(self.guess, extraction, is_silent=is_silent)
            extraction = as_shown(extraction, says, self.guess)
        if is_silent and key:
            page_hash = 0 if says.is_proved else hash(self.document.html)
            _VERDICTS.keep(key, (extraction, says, page_hash))
        return extraction

    @property
    def named(self) -> Product | None:
        """What the shop named, or its template holds."""
        return self.declared or (self.guess.product if self.guess else None)

    def _alone(self) -> Extraction:
        """What a page without structured data leaves of what the shop named."""
        if self.named is None:
            is_packed = self.document.html.startswith(_COMPRESSED)
            return Extraction(None, Reason.ENCODED if is_packed else Reason.NO_PRODUCT)
        return self._completed(self.named, Extraction())

    def _completed(self, named: Product, found: Extraction) -> Extraction:
        url, settings = self.document.url, self.settings
        return complete(named, self.declared, self.guess, found, url, settings)

    def _ask_page(
        self, guess: GuessedProduct, extraction: Extraction, *, is_silent: bool
    ) -> PageSays:
        document, stated = self.document, None
        if not is_silent:
            if is_doubtful(guess, document) and replace(self, guess=None).answer().product:
                guess = replace(guess, doubt=None, is_described=True)
            fields = extraction.trace.noted
            if any(at[0] == "price" and at[1] != "template" for at in fields):
                stated = extraction.product
        price = stated and (stated.price, stated.currency)
        asked = (document.url, guess, price)
        known = _SAID.get(asked)
        is_enough = known is not None and known.is_proved and (is_silent or known.proofs)
        if known is not None and is_enough and known.still_in(document.html):
            return known
        says = ask_page(document, guess, stated)
        if "?" not in document.url:
            _SAID.keep(asked, says)
        return says

    def answer(self) -> Extraction:
        """The page's product; that of a page with the same head and JSON-LD is remembered."""
        document = self.document
        blocks = document.once(json_ld.blocks_of)
        if not blocks or sum(map(len, blocks)) > _REMEMBERED_BYTES:
            return self.plain() or self.by_all_rules()
        # All that the answer depends on where JSON-LD and the head decide.
        shop = (self.settings, self.currency, self.now // _MOMENT, self.chosen)
        items = map(document.once, _MENTIONS_ITEMS)
        named = self.declared, self.guess and self.guess.product
        key = (*blocks, document.url, *items, shop, *named)
        same_bytes = (document.head_bytes, *key)
        known = _RECENT.get(same_bytes)
        if known is None:  # the head of each visitor's page may hold a token of its own
            same_head = (document.head.facts(), *key)
            known = _RECENT.get(same_head) or self.plain() or self.by_all_rules()
            if not document.is_read_beyond_head:
                _RECENT.keep(same_head, known)
                if len(document.head_bytes) <= _REMEMBERED_BYTES:
                    _RECENT.keep(same_bytes, known)
        return known

    def plain(self) -> Extraction | None:
        """The product of the only plain node; None where that has to be read by all rules."""
        document = self.document
        if self.settings.id_from or any(map(document.once, _MENTIONS_OTHERS)):
            return None
        node = _only_node(document)
        if node is None:
            return None
        place = place_of(document, self.settings.url_args, None)
        found = read_plain(node, document, place, self.currency)
        if found is None:
            return None
        (extraction, described), named = found, self.named
        if named is None:
            return extraction
        is_this = is_same(named, Entity([described]), place)
        return self._completed(named, extraction) if is_this else None

    def by_all_rules(self) -> Extraction:
        """The product as any page's is read."""
        page = StructuredPage(self.document, SOURCES, self.settings, self.currency, self.now)
        named = self.named
        if named is None:
            return self._found(page)
        return self._completed(named, of_same_product(named, page, self.chosen))

    def _found(self, page: StructuredPage) -> Extraction:
        """The product that the page alone tells."""
        plain = page.plain_entity()
        if plain is not None:
            assembly = assemble_plain(page, plain, self.chosen)
        else:
            page.read_the_rest()
            choice = page.choose()
            if choice.entity is None:
                why = [("page", choice.why)] if choice.why else []
                trace = Assembly(page).trace(why, page.candidate_names(NOTED))
                return Extraction(None, choice.reason, trace)
            assembly = assemble(page, choice.entity, self.chosen)
        args, place = page.settings.url_args, page.place
        if is_front_page(place.url, args) and is_front_page(place.canonical or place.url, args):
            return Extraction(None, Reason.FRONT_PAGE, Assembly(page).trace())
        product, reason, product_id = None, Reason.INCOMPLETE, assembly.values.get("id")
        if product_id is not None and len(product_id) > ID_LIMIT:
            reason = Reason.ID_TOO_LONG
        elif product_id is not None:
            product, reason = assembly.product(), Reason.INVALID_PRODUCT
        return Extraction(product, None if product else reason, assembly.trace())


# One plain Product of JSON-LD that names its page is the common case, read in one pass. Whatever is
# odd about a page is left to the reading by all rules, which gives the same product where both can
# tell: a test compares them on every page of the tests.
#
# Properties that are read here, or that say nothing about the product's fields.
_PROPERTIES = frozenset(
    """@context @type name sku description image brand category url offers aggregateRating productID
    mpn gtin gtin8 gtin12 gtin13 gtin14 color material size weight""".split()
)
_OF_OFFER = frozenset(
    "@type url price priceCurrency availability itemCondition priceValidUntil seller".split()
)


def read_plain(
    node: Node, document: Document, place: PageLocation, currency: str | None
) -> tuple[Extraction, Described] | None:
    """The page's product and its node, or None where the page has to be read by all rules.

    :param node: from :func:`_only_node`.
    :param place: where the page is, by its head.
    :param currency: code of prices that name none, or None.
    """
    name, sku = plain(node["name"]), identifier_of(node["sku"])
    own = _plain_address(node, place)
    price = _plain_price(node["offers"], currency)
    if not (name and sku and own and price) or is_front_page(place.url, place.url_args):
        return None
    ids, head = identifiers(node), document.head
    kind = "productID" if "productID" in ids else "sku"
    brand, category = brand_of(node, head.lang), category_of(node.get("category"), head.lang)
    raw_image, image = image_of(node.get("image"), place)
    if (  # metas or breadcrumbs may fill a gap, or name another kind of id
        head.holds(b"product:")
        or head.holds(b"og:price")
        or (not (image and brand) and head.holds(b"og:"))
        or (not category and microdata.mentions_breadcrumbs(document))
    ):
        return None
    source, url = ("canonical", place.canonical) if place.canonical else ("json_ld", own)
    found: tuple[Noted, ...] = (
        ("name", "json_ld", node["name"], name),
        ("brand", "json_ld", node.get("brand"), brand),
        ("category", "json_ld", node.get("category"), category),
        ("image_url", "json_ld", raw_image, image),
        ("price", "json_ld", node["offers"]["price"], price[0]),
        ("currency", "json_ld", price[1], price[1]),
        ("sku", "json_ld", sku, sku),
        ("url", source, url, without_tracking(url)),
        ("id", "json_ld", f"{kind}: {ids[kind]}", ids[kind]),
    )
    noted = tuple([field for field in found if field[3]])
    values: dict[str, Any] = {field: value for field, _, _, value in noted}
    try:
        extraction = Extraction(Product(**values), None, Trace(noted=noted))
    except InvalidValueError:
        return None
    return extraction, Described("json_ld", node, name, ids, url=own)


def _only_node(document: Document) -> Node | None:
    """The page's only node of JSON-LD, if it is a product without anything odd."""
    if len(document.once(json_ld.blocks_of)) != 1:
        return None
    nodes = document.once(json_ld.read)
    if len(nodes) != 1 or document.repairs or document.notes:
        return None
    node = nodes[0]
    if not isinstance(node, dict) or not node.keys() <= _PROPERTIES:
        return None
    offer = node.get("offers")
    if not isinstance(offer, dict) or not offer.keys() <= _OF_OFFER:
        return None
    named, offered = node.get("@type"), offer.get("@type", "Offer")
    is_plain = (
        (type(named) is str and short_type(named) == "product")
        and (type(offered) is str and short_type(offered) == "offer")
        and type(node.get("name")) is str
        and type(node.get("sku")) is str
    )
    return node if is_plain else None


def _plain_address(node: Node, place: PageLocation) -> str | None:
    """The node's own address, if it is this very page's, and the canonical one no parent's."""
    named = node.get("url") or node["offers"].get("url")
    url = place.own_page(named.strip()) if type(named) is str and named.strip() else None
    if url is None or place.is_alternate(url) or not place.match(url):
        return None
    if place.canonical is not None:
        here, above = (address_key(at, place.url_args) for at in (place.url, place.canonical))
        if here is None or above is None or here.path.startswith(f"{above.path}/"):
            return None
    return url


def _plain_price(offer: Node, currency: str | None) -> tuple[Decimal, str] | None:
    value, named = offer.get("price"), offer.get("priceCurrency")
    if type(value) not in (str, int, Decimal) or type(named) is not str or not named.strip():
        return None
    code = currency_code(named, currency)
    amount = machine_amount(value, code)
    if code is None or not amount or not sane(amount, code):
        return None
    amount = rounded(amount, code)
    return (amount, code) if amount else None
