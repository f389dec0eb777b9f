"""Which product a page shows: one pure function for request, middleware, command line and tests.

:data:`SOURCES` is the ordered list of the ways in which a page may describe its product. To add one
is a function in a file of its own and an entry here.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from topmail_flask.extraction import json_ld, microdata, open_graph, view_item
from topmail_flask.extraction.addresses import (
    PageLocation,
    address_key,
    id_of,
    is_front_page,
    page_address,
)
from topmail_flask.extraction.assemble import Assembly, arguments, assemble, assemble_plain
from topmail_flask.extraction.choose import Choice
from topmail_flask.extraction.document import Document, in_utf8
from topmail_flask.extraction.page import Kind, Source, StructuredPage
from topmail_flask.extraction.plain import read_plain
from topmail_flask.extraction.products import Entity
from topmail_flask.extraction.template_product import (
    NOTHING_ASKED,
    PageSays,
    Said,
    Verdicts,
    as_shown,
    ask_page,
)
from topmail_flask.model.decision import (
    Conflict,
    Extraction,
    FieldTrace,
    GuessedProduct,
    Rejected,
    ShopPrice,
    Trace,
    traced,
)
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import ID_LIMIT, Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

SOURCES = (
    Source("json_ld", json_ld.read, json_ld.mentions_product),
    Source("microdata", microdata.read, microdata.mentions_product),
    Source("rdfa", microdata.read_rdfa, microdata.mentions_rdfa),
    Source("open_graph", open_graph.read, open_graph.mentions_product, Kind.STATEMENT),
    Source("product_tags", open_graph.read_tags, open_graph.mentions_tags, Kind.HINT),
    Source("view_item", view_item.read, view_item.mentions, Kind.HINT),
)
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip, zstd: read as a page, to say why not
_REMEMBERED_BYTES = 16 * 1024
# Offers begin and end: an answer is believed for this many seconds.
_MOMENT = 600
_NOTED = 20
_DEFAULTS = Settings()


class RecentPages:
    """The products of pages that were read a moment ago; when it is full it begins anew.

    A store shows the same few product pages again and again, and their JSON-LD says the same each
    time. Where JSON-LD and the head decide, reading them twice gives the same answer: it is
    remembered by everything that it depends on.

    :param limit: answers at the most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.answers: dict[Hashable, Extraction] = {}

    def remember(self, key: Hashable, extraction: Extraction) -> None:
        if len(self.answers) >= self._limit:
            self.answers = {}
        self.answers[key] = extraction


_RECENT = RecentPages(512)
_VERDICTS = Verdicts()
_SAID = Said()


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
    document: Document | None = None,
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
    :param document: this very page at its address, once ``may_hold_product`` looked at it.
    """
    settings = settings or _DEFAULTS
    guess = _guess(template_product) if isinstance(template_product, Product) else template_product
    try:
        page = in_utf8(html, charset)
        # A page that had nothing to add to this product is not searched for it again: markup of
        # a product would make it longer. (What a query holds is not kept.)
        is_kept = (declared is None) != (guess is None) and "?" not in url
        key = (url, len(page), declared, guess) if is_kept else None
        known = _VERDICTS.get(key, page) if key else None
        if known is not None:
            return known
        chosen = arguments(url, view_args, settings.variant_args)
        now = time.time() if now is None else now
        asked = (settings, currency or settings.currency, now, chosen, declared, guess)
        if document is None or document.html is not page:
            document = Document(page, url)
        return PageInput(document, *asked).verdict(key)
    except Exception as error:  # noqa: BLE001  a page that breaks our reading is the shop's page still
        return _unread(error, declared or (guess.product if guess else None))


def _unread(error: Exception, base: Product | None) -> Extraction:
    why = Rejected("page", f"could not be read: {type(error).__name__}")
    return Extraction(base, None if base else Reason.NO_PRODUCT, Trace(rejected=(why,)))


def _guess(template_product: Product) -> GuessedProduct:
    """A template's product with the prices that it may mean."""
    price, currency = template_product.price, template_product.currency
    if price is None or currency is None:
        return GuessedProduct(template_product)
    return GuessedProduct(template_product, (ShopPrice(price, currency, "price"),))


def may_hold_product(html: bytes) -> Document | None:
    """The page, if it pays to read it: None only if there is no product in its markup."""
    document = Document(html, "")
    is_marked = (
        any(document.once(source.mentions) for source in SOURCES)
        or b"\0\0" in (html[:4:2], html[1:4:2])  # UTF-16 hides every marker
        or html.startswith((b"\xff\xfe", b"\xfe\xff", *_COMPRESSED))
    )
    return document if is_marked else None


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

    @property
    def template_product(self) -> Product | None:
        return None if self.guess is None else self.guess.product

    def verdict(self, key: Hashable | None) -> Extraction:
        """The page's product, or why there is none.

        :param key: under which it is remembered, if the page adds nothing to what the shop named.
        """
        is_silent = not any(self.document.once(source.mentions) for source in SOURCES)
        extraction = self._alone() if is_silent else self.answer()
        if self.guess is None or self.declared is not None:
            if is_silent and key and extraction.product is not None:
                _VERDICTS.keep(key, extraction, self.document.html, NOTHING_ASKED)
            return extraction
        says = self._ask_page(self.guess, extraction, is_silent=is_silent)
        extraction = as_shown(extraction, says, self.guess)
        if is_silent and key:
            _VERDICTS.keep(key, extraction, self.document.html, says)
        return extraction

    def _alone(self) -> Extraction:
        """What a page without structured data leaves of what the shop named."""
        base = self.declared or self.template_product
        if base is None:
            is_packed = self.document.html.startswith(_COMPRESSED)
            return Extraction(None, Reason.ENCODED if is_packed else Reason.NO_PRODUCT)
        if base.url is not None and (self.declared is None or self.guess is None):
            source = "template" if self.declared is None else "declared"
            return Extraction(base, None, Trace(tuple(traced(base, source))))
        return replace(self, document=Document(b"", self.document.url)).answer()

    def _ask_page(
        self, guess: GuessedProduct, extraction: Extraction, *, is_silent: bool
    ) -> PageSays:
        has_price = False
        if not is_silent:
            if guess.doubt is not None and replace(self, guess=None).answer().product is not None:
                guess = replace(guess, doubt=None)
            has_price = any(
                field.field == "price" and field.source != "template"
                for field in extraction.trace.fields
            )
        asked = (self.document.url, guess, has_price)
        known = _SAID.get(asked)
        is_enough = known is not None and known.is_proved and (is_silent or known.proofs)
        if known is not None and is_enough and known.still_in(self.document.html):
            return known
        says = ask_page(self.document, guess, has_price=has_price)
        if "?" not in self.document.url:
            _SAID.keep(asked, says)
        return says

    def answer(self) -> Extraction:
        """The page's product; that of a page with the same head and JSON-LD is remembered."""
        document = self.document
        blocks = document.once(json_ld.blocks_of)
        if not blocks or sum(map(len, blocks)) > _REMEMBERED_BYTES:
            return self.plain() or self.by_all_rules()
        # All that the answer depends on where JSON-LD and the head decide.
        items = [document.once(source.mentions) for source in SOURCES if source.kind is Kind.ITEMS]
        shop = (self.settings, self.currency, self.now // _MOMENT, self.chosen)
        key = (*blocks, document.url, *items, shop, self.declared, self.template_product)
        same_bytes = (document.head_bytes, *key)
        known = _RECENT.answers.get(same_bytes)
        if known is None:  # the head of each visitor's page may hold a token of its own
            same_head = (document.head.facts(), *key)
            known = _RECENT.answers.get(same_head) or self.plain() or self.by_all_rules()
            if not document.is_read_beyond_head:
                _RECENT.remember(same_head, known)
                if len(document.head_bytes) <= _REMEMBERED_BYTES:
                    _RECENT.remember(same_bytes, known)
        return known

    def plain(self) -> Extraction | None:
        """The product of the only plain node; None where that has to be read by all rules."""
        if self.declared or self.template_product or self.settings.id_from:
            return None
        others = (
            source for source in SOURCES if source.kind is Kind.ITEMS and source.name != "json_ld"
        )
        if any(self.document.once(source.mentions) for source in others):
            return None
        head, url_args = self.document.head, self.settings.url_args
        address = (self.document.url, head.canonical, None, head.base)
        place = PageLocation(*address, url_args, head.alternates())
        return read_plain(self.document, place, self.currency)

    def by_all_rules(self) -> Extraction:
        """The product as any page's is read."""
        page = StructuredPage(self.document, SOURCES, self.settings, self.currency, self.now)
        extraction = self._read(page)
        if not page.is_read_by_its_head:
            self.document.is_read_beyond_head = True
        return extraction

    def _read(self, page: StructuredPage) -> Extraction:
        if self.declared is not None:
            return complete(self.declared, "declared", self.template_product, page, self.chosen)
        if self.template_product is not None:
            return complete(self.template_product, "template", None, page, self.chosen)
        plain = page.plain_entity()
        if plain is not None:
            return _result(page, Choice(plain), assemble_plain(page, plain, self.chosen))
        page.read_the_rest()
        choice = page.choose()
        if choice.entity is None:
            return Extraction(None, choice.reason, _trace(page, choice))
        return _result(page, choice, assemble(page, choice.entity, self.chosen))


def _result(page: StructuredPage, choice: Choice, assembly: Assembly) -> Extraction:
    args = page.settings.url_args
    if is_front_page(page.place.url, args) and is_front_page(
        page.place.canonical or page.place.url, args
    ):
        return Extraction(None, Reason.FRONT_PAGE, _trace(page, choice))
    product_id = assembly.values.get("id")
    if product_id is None:
        return Extraction(None, Reason.INCOMPLETE, _trace(page, choice, assembly))
    if len(product_id) > ID_LIMIT:
        return Extraction(None, Reason.ID_TOO_LONG, _trace(page, choice, assembly))
    product = assembly.product()
    if product is None:
        return Extraction(None, Reason.INVALID_PRODUCT, _trace(page, choice, assembly))
    return Extraction(product, None, _trace(page, choice, assembly))


def _trace(page: StructuredPage, choice: Choice, assembly: Assembly | None = None) -> Trace:
    problems = [*page.document.notes, *(assembly.problems if assembly else ())]
    if choice.why:
        problems.append(("page", choice.why))
    return Trace(
        fields=tuple(assembly.fields) if assembly else (),
        conflicts=tuple(assembly.conflicts) if assembly else (),
        rejected=tuple(Rejected(what, why) for what, why in problems[:_NOTED]),
        candidates=() if choice.entity else page.candidate_names(_NOTED),
        related=tuple(page.found.related),
        repairs=tuple(page.document.repairs),
    )


# Price and currency are one gap: an amount is never joined with another source's currency (R40).
_GAPS = ("image_url", "brand", "category", "sku", "variant_id")


def complete(
    product: Product,
    source: str,
    second: Product | None,
    page: StructuredPage,
    chosen: frozenset[str],
) -> Extraction:
    """The product with its gaps filled.

    :param source: ``declared`` or ``template``.
    :param second: the template's product beside a declared one; it fills gaps before the page.
    :param chosen: values of arguments that choose a variant.
    """
    traced_fields = traced(product, source)
    rejected: list[Rejected] = []
    if second is not None and second.id == product.id:
        product = _filled(product, second, "template", traced_fields)
    assembly = _same_product(product, page, chosen)
    conflicts = list(assembly.conflicts) if assembly is not None else []
    if assembly is not None:
        values: dict[str, object] = {**assembly.values, "id": product.id, "name": product.name}
        problems: dict[str, str] = {}
        found = Product.from_fields(values, problems)
        if source == "template" and found.price is not None:
            product = _page_priced(product, found, traced_fields, conflicts, assembly)
        product = _filled(product, found, "", traced_fields, assembly.fields)
        rejected += [Rejected(*problem) for problem in (*assembly.problems, *problems.items())]
    elif page.entities:
        rejected.append(Rejected("structured data", "describes another product (R22)"))
    if product.url is None:
        known = {
            identifier for identifier in (product.id, product.variant_id, product.sku) if identifier
        }
        try:
            product = replace(product, url=page_address(page.place.url, page.settings, known))
            traced_fields.append(
                FieldTrace("url", "request", page.place.url[:200], str(product.url))
            )
        except InvalidValueError as error:
            rejected.append(Rejected("url", error.problem))
    rejected += [Rejected(what, why) for what, why in page.document.notes]
    trace = Trace(
        tuple(traced_fields),
        tuple(conflicts),
        tuple(rejected),
        related=tuple(page.found.related),
        repairs=tuple(page.document.repairs),
    )
    return Extraction(product, None, trace)


def _page_priced(
    product: Product,
    found: Product,
    traced_fields: list[FieldTrace],
    conflicts: list[Conflict],
    assembly: Assembly,
) -> Product:
    """The product with the price that its page tells, amount and currency as a pair."""
    price = next((field for field in assembly.fields if field.field == "price"), None)
    source = price.source if price else "page"
    if product.price is not None and (product.price, product.currency) != (
        found.price,
        found.currency,
    ):
        pairs = [f"{priced.price} {priced.currency}" for priced in (found, product)]
        conflicts.append(Conflict("price", source, pairs[0], "template", pairs[1]))
    traced_fields[:] = [
        field for field in traced_fields if field.field not in ("price", "currency")
    ]
    traced_fields += [field for field in assembly.fields if field.field in ("price", "currency")]
    return replace(product, price=found.price, currency=found.currency)


def _filled(
    product: Product,
    other: Product,
    source: str,
    traced_fields: list[FieldTrace],
    found: list[FieldTrace] | None = None,
) -> Product:
    gaps = {
        name: value
        for name in _GAPS
        if getattr(product, name) is None and (value := getattr(other, name)) is not None
    }
    if product.price is None and other.price is not None:
        gaps |= {"price": other.price, "currency": other.currency}
    if gaps.get("variant_id") == product.id:
        del gaps["variant_id"]
    for name, value in gaps.items():
        known = next((field for field in found or () if field.field == name), None)
        traced_fields.append(known or FieldTrace(name, source, str(value)[:200], str(value)))
    return replace(product, **gaps) if gaps else product


def _same_product(
    product: Product, page: StructuredPage, chosen: frozenset[str]
) -> Assembly | None:
    """What the page tells of this product, if exactly one of its entities is this product."""
    plain = page.plain_entity()
    if plain is not None and _is_same(product, plain, page):
        return assemble_plain(page, plain, chosen)
    page.read_the_rest()
    same = [entity for entity in page.entities if _is_same(product, entity, page)]
    if len(same) != 1:
        return None
    page.add_metas(same[0])
    return assemble(page, same[0], chosen)


def _is_same(product: Product, entity: Entity, page: StructuredPage) -> bool:
    """By an id, else by its name, else by an address that was declared with it (rule R22)."""
    ids = entity.ids
    skus = [ids.get("sku"), *(variant.ids.get("sku") for variant in entity.variants)]
    known = {value.casefold() for value in (*ids.values(), entity.group, *skus) if value}
    if product.id.casefold() in known:
        return True
    if product.sku is not None:
        if product.sku.casefold() in known:
            return True
        if ids.get("sku"):
            return False
    if entity.name.casefold() == product.name.casefold():
        return True
    if not ids and entity.match and id_of(page.place.url, page.settings.url_args) == product.id:
        return True
    return product.url is not None and any(
        member.url is not None and address_key(member.url) == address_key(product.url)
        for member in entity.members
    )
