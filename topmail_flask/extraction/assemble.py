"""The product that an entity of the page amounts to, field by field, with its trace."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from topmail_flask.extraction.addresses import (
    Place,
    address_key,
    id_of,
    is_front_page,
    page_address,
    without_tracking,
)
from topmail_flask.extraction.graph import Candidate
from topmail_flask.extraction.offers import OfferPrice, choose_price, offers_of
from topmail_flask.extraction.page import StructuredPage
from topmail_flask.extraction.products import Described, Entity, describe
from topmail_flask.extraction.schema_org import (
    Node,
    each,
    is_placeholder,
    name_of,
    scalar_text,
    short,
    text_of,
)
from topmail_flask.model.decision import Conflict, FieldTrace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import LABEL_LIMIT, Product
from topmail_flask.model.settings import Settings

_OWN_IDS = ("sku", "productID", "retailer_id", "gtin", "mpn")
_ARGUMENT_LIMIT = 100


def arguments(
    url: str, view_args: Mapping[str, object] | None, names: tuple[str, ...]
) -> frozenset[str]:
    """The values of the query and route arguments that choose a variant."""
    chosen = set()
    if "?" in url:
        try:
            for name, value in parse_qsl(urlsplit(url).query, max_num_fields=_ARGUMENT_LIMIT):
                if name in names and value:
                    chosen.add(value.casefold())
        except ValueError:
            pass
    for name, given in (view_args or {}).items():
        if name in names and isinstance(given, (str, int)) and not isinstance(given, bool):
            chosen.add(str(given).casefold())
    return frozenset(chosen)


def variant_id(variant: Described, settings: Settings) -> str:
    """The variant's own id: its sku, else another identifier, else the argument in its URL."""
    for kind in _OWN_IDS:
        if variant.ids.get(kind):
            return variant.ids[kind]
    return _argument(variant, settings)


def _argument(variant: Described, settings: Settings) -> str:
    named = variant.node.get("@id")
    for url in (variant.url, named):
        if isinstance(url, str) and "?" in url:
            try:
                query = dict(parse_qsl(urlsplit(url).query, max_num_fields=_ARGUMENT_LIMIT))
            except ValueError:
                continue
            for name in settings.variant_args:
                if query.get(name):
                    return query[name]
    return ""


def select(
    entity: Entity, place: Place, settings: Settings, chosen: frozenset[str]
) -> Described | None:
    """The variant that is shown, or None (rule R30): by its URL, by an argument, or the only one.

    :param chosen: what :func:`arguments` gave.
    """
    variants = entity.variants
    if not variants and (chosen or "?" in place.url):
        variants = _of_offers(entity, place)
    if not variants:
        return None
    exact = [one for one in variants if one.match == 2]
    if len(exact) > 1:
        # One that names arguments of this address says more than one that names only its path.
        exact = [one for one in exact if one.url and "?" in one.url]
    if len(exact) == 1 and (len(variants) == 1 or _differ(variants)):
        return exact[0]
    if chosen:
        named = [
            one
            for one in variants
            if chosen.intersection(value.casefold() for value in one.ids.values())
            or _argument(one, settings).casefold() in chosen
        ]
        if len(named) == 1:
            return named[0]
    return entity.variants[0] if len(entity.variants) == 1 else None


def _differ(variants: list[Described]) -> bool:
    return len({one.url for one in variants}) > 1


def _of_offers(entity: Entity, place: Place) -> list[Described]:
    """Offers of different stock-keeping units are variants of the old style (rule R33)."""
    for member in entity.members:
        offers = offers_of(member.node, every=True)
        units = {scalar_text(offer.get("sku")) for offer in offers if "sku" in offer}
        if len(units) > 1:
            return [
                describe(
                    Candidate(
                        member.source,
                        {
                            "sku": offer["sku"],
                            "url": offer.get("url"),
                            "gtin": offer.get("gtin13") or offer.get("gtin"),
                            "offers": offer,
                        },
                    ),
                    place,
                    None,
                )
                for offer in offers
                if "sku" in offer
            ]
    return []


_STEP_LIMIT = 50
_HOME = frozenset(
    """
    home, homepage, home page, start, startseite, hauptseite, shop, store, accueil, inicio, início,
    página inicial, hem, hjem, forside, forsiden, etusivu, thuis, strona główna, úvod, domů, domov,
    kezdőlap, főoldal, acasă, početna, naslovna, ana sayfa, anasayfa, trang chủ, beranda, главная,
    головна, начало, αρχική, الرئيسية, דף הבית, ホーム, トップ, トップページ, 首页, 首頁, 홈, 🏠
    """.strip()
    .replace(",\n    ", ", ")
    .split(", ")
)
_NUMBERS = re.compile(r"[\d\s.,;|/-]+")
_SEPARATOR = re.compile(r"\s+[>/»›|]\s+|\s*>\s*")


def category_of(value: object, lang: str | None) -> str:
    """The category that a product names, or "".

    Of a list it is the last if each extends the one before it, else the first. Numbers of a
    taxonomy are no category. A path too long to be sent keeps its last parts.
    """
    names = [name for one in list(each(value))[:20] if (name := _category_name(one, lang))]
    if not names:
        return ""
    grows = all(following.startswith(before) for before, following in itertools.pairwise(names))
    return fitting(names[-1] if grows else names[0])


def _category_name(value: object, lang: str | None) -> str:
    text = text_of(value, lang)
    if not text and isinstance(value, dict):
        text = name_of(value, lang) or text_of(value.get("codeValue"), lang)
    text = text.strip(" /")
    return "" if _NUMBERS.fullmatch(text) or "://" in text or is_placeholder(text) else text


def fitting(category: str) -> str:
    """The last parts of a path that fit into 100 characters."""
    if len(category) <= LABEL_LIMIT:
        return category
    parts = [part for part in _SEPARATOR.split(category) if part]
    while len(parts) > 1 and len(" > ".join(parts)) > LABEL_LIMIT:
        del parts[0]
    return " > ".join(parts)


def category_of_breadcrumbs(lists: list[Node], product: str, place: Place, lang: str | None) -> str:
    """The category that the page's breadcrumbs lead through, or "".

    The one that ends at this page counts, else the first. Without its first steps as long as they
    are the shop itself, and without its last if that is the product.
    """
    first = ""
    for one in lists[:10]:
        steps = _steps(one, lang)
        ends_here = bool(steps) and _is_here(steps[-1], product, place)
        if ends_here:
            steps = steps[:-1]
        while steps and _is_home(steps[0], place):
            steps = steps[1:]
        category = fitting(" > ".join(name for name, _ in steps))
        if ends_here and category:
            return category
        first = first or category
    return first


def _steps(node: Node, lang: str | None) -> list[tuple[str, str]]:
    """Names and addresses of the steps, by their positions."""
    steps: list[tuple[float, str, str]] = []
    for at, one in enumerate(each(node.get("itemListElement"))):
        if at == _STEP_LIMIT:
            break
        if not isinstance(one, dict):
            continue
        item = next(each(one.get("item")), None)
        name = text_of(one.get("name"), lang)
        if not name and isinstance(item, dict):
            name = text_of(item.get("name"), lang)
        if name:
            steps.append((_position(one.get("position"), at), name, _address(one, item)))
    steps.sort(key=lambda step: step[0])
    return [(name, address) for _, name, address in steps]


def _position(value: Any, default: int) -> float:
    for one in each(value):
        try:
            position = float(one)
        except (TypeError, ValueError, OverflowError):
            continue
        if position == position:  # noqa: PLR0124  NaN sorts nowhere
            return position
    return float(default)


def _address(step: Node, item: object) -> str:
    for value in (item, step.get("url"), step.get("@id")):
        one = next(each(value), None)
        if isinstance(one, dict):
            one = next(each(one.get("@id") or one.get("url")), None)
        if isinstance(one, str):
            return one
    return ""


def _is_here(step: tuple[str, str], product: str, place: Place) -> bool:
    name, address = step
    if name.casefold() == product.casefold():
        return True
    url = place.own(address) if address else None
    return url is not None and place.match(url) > 0


def _is_home(step: tuple[str, str], place: Place) -> bool:
    name, address = step
    if name.casefold() in _HOME:
        return True
    url = place.own(address) if address else None
    return url is not None and "?" not in url and is_front_page(url)


_IMAGE_LIMIT = 50
_NO_PICTURE = re.compile(
    r"no[-_]selection|(?:\A|[/_-])(?:placeholder|no[-_]?(?:image|photo|picture)|blank|spacer|"
    r"image[-_]coming[-_]soon)(?:[-_.]|\Z)",
    re.IGNORECASE,
)
_NO_ADDRESS = frozenset(["", "undefined", "null", "none", "false", "nan"])
_SEVERAL = re.compile(r",\s*(?=https?://)")  # a list that was printed as one text
_NO_BRAND = frozenset(["", "n. a.", "no brand"]) | frozenset(
    "- – — 0 n/a n.a. na none null undefined false unknown unbranded".split()  # noqa: SIM905  (a line)
)


def image_of(value: object, place: Place) -> tuple[str, str]:
    """Raw and absolute address of the first picture that can be one (rule R51)."""
    for at, one in enumerate(each(value)):
        if at == _IMAGE_LIMIT:
            break
        for raw in _image_addresses(one):
            address = raw.strip()
            if "," in address:
                address = _SEVERAL.split(address, maxsplit=1)[0]
            if address.lower() in _NO_ADDRESS or len(address) > 8192 or _NO_PICTURE.search(address):
                continue
            url = place.absolute(address)
            if url is not None:
                return raw, url
    return "", ""


def _image_addresses(value: object) -> list[str]:
    if isinstance(value, dict):
        values = [value.get(key) for key in ("contentUrl", "url", "@id", "src")]
        named = [
            one.get("@id") if isinstance(one, dict) else one
            for some in values
            for one in each(some)
        ]
        return [one for one in named if isinstance(one, str)][:10]
    return [value] if isinstance(value, str) else []


def brand_of(node: Node, lang: str | None, site_name: str = "") -> str:
    """The brand, else the manufacturer (rule R52).

    :param site_name: name of the shop; a theme that prints it as the brand says nothing.
    """
    for key in ("brand", "manufacturer"):
        brand = name_of(node.get(key), lang)
        folded = brand.casefold()
        if folded in _NO_BRAND or folded == site_name.casefold() or "://" in folded:
            continue
        return brand
    return ""


def category_field(one: Described, lang: str | None) -> str:
    """The category of the product itself, else that of its offers."""
    found = category_of(one.node.get("category"), lang)
    if found:
        return found
    offers = offers_of(one.node)[:1]
    return category_of(offers[0].get("category"), lang) if offers else ""


def sku_of(one: Described) -> str:
    """The stock-keeping unit: the product's own, or the one that all its offers agree on (R35)."""
    if one.ids.get("sku"):
        return one.ids["sku"]
    units = {scalar_text(offer.get("sku")) for offer in offers_of(one.node)}
    return units.pop() if len(units) == 1 else ""


def _name(one: Described, _: StructuredPage) -> tuple[object, str]:
    return one.node.get("name"), one.name


def _brand(one: Described, page: StructuredPage) -> tuple[object, str]:
    shop = page.site_name if one.source == "open_graph" else ""
    return one.node.get("brand"), brand_of(one.node, page.shop.lang, shop)


def _category(one: Described, page: StructuredPage) -> tuple[object, str]:
    return one.node.get("category"), category_field(one, page.shop.lang)


def _image(one: Described, page: StructuredPage) -> tuple[object, str]:
    return image_of(one.node.get("image"), page.place)


Reader = Callable[[Described, StructuredPage], tuple[object, str]]
# For each field that is read from one description: its raw and its normalised value.
READERS: dict[str, Reader] = {
    "name": _name,
    "brand": _brand,
    "category": _category,
    "image_url": _image,
}


ID_ORDER = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "url")


@dataclass(slots=True)
class Assembly:
    """What is known of the page's product so far.

    :ivar values: the fields, as :meth:`Product.from_fields` takes them.
    """

    page: StructuredPage
    values: dict[str, Any] = field(default_factory=dict)
    fields: list[FieldTrace] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Nothing is missing that other sources than JSON-LD usually tell."""
        return all(self.values.get(name) is not None for name in ("price", "image_url", "brand"))

    def product(self) -> Product | None:
        """The product, without the fields that cannot be right; None without an id and a name."""
        try:
            return Product(**self.values)
        except (InvalidValueError, TypeError):
            rejected: dict[str, str] = {}
        try:
            product = Product.from_fields(self.values, rejected)
        except InvalidValueError as error:
            rejected[error.field] = error.problem
            product = None
        self.problems += rejected.items()
        return product

    def put(self, name: str, source: str, raw: object, value: object) -> None:
        """Take a value, unless a better source has told one: then a different one is a conflict."""
        known = self.values.get(name)
        if known is None:
            self.values[name] = value
            told = value if type(value) is str else str(value)
            self.fields.append(FieldTrace(name, source, short(raw), told))
        elif name not in ("image_url", "url", "id") and not _alike(known, value):
            first = next((one for one in self.fields if one.field == name), None)
            self.conflicts.append(
                Conflict(
                    name, first.source if first else "", str(known)[:200], source, str(value)[:200]
                )
            )

    def read(self, entity: Entity, variant: Described | None) -> None:
        """Fill the fields from an entity and its chosen variant."""
        self._labels(entity, variant)
        self._price(entity, variant)
        self._identity(entity, variant)
        if "category" not in self.values:
            name = self.values.get("name") or entity.name
            category = category_of_breadcrumbs(
                self.page.breadcrumbs(), str(name), self.page.place, self.page.shop.lang
            )
            if category:
                self.put("category", "breadcrumbs", category, category)

    def supplement(self, one: Described) -> None:
        """Fill what is missing from a lesser description, which has no id."""
        for name, reader in READERS.items():
            raw, value = reader(one, self.page)
            if value and name != "name":
                self.put(name, one.source, raw, value)
        self._put_price(one.source, [one.node])

    def _labels(self, entity: Entity, variant: Described | None) -> None:
        described = entity.members if variant is None else [variant, *entity.members]
        for name, reader in READERS.items():
            for one in described:
                raw, value = reader(one, self.page)
                # A variant is called and looks otherwise than its group, and a page's title is
                # not the product's name: only labels of equals are compared.
                if value and (name not in self.values or (variant is None and name != "name")):
                    self.put(name, one.source, raw, value)
            if name not in self.values and entity.variants:
                self._inherit(name, reader, entity.variants[:20])

    def _inherit(self, name: str, reader: Reader, variants: list[Described]) -> None:
        """A group that does not tell a label itself has that of its first variant that does."""
        for one in variants:
            raw, value = reader(one, self.page)
            if value:
                self.put(name, one.source, raw, value)
                return

    def _price(self, entity: Entity, variant: Described | None) -> None:
        if variant is not None:
            if not self._put_price(variant.source, [variant.node]):
                for one in entity.members:  # the group's own price, never another variant's
                    if one.is_group:
                        self._put_price(one.source, [one.node])
            return
        variants = [one.node for one in entity.variants]
        for one in entity.members:
            self._put_price(one.source, [one.node, *variants])
            variants = []

    def _put_price(self, source: str, nodes: list[Node]) -> bool:
        pricing = choose_price(nodes, self.page.shop)
        price: OfferPrice | None = pricing.price
        if price is None:
            if pricing.problem:
                self.problems.append(("price", f"{pricing.problem} ({source})"))
            return False
        self.put("price", source, price.raw, price.amount)
        self.put("currency", source, price.currency, price.currency)
        return True

    def _identity(self, entity: Entity, variant: Described | None) -> None:
        by_sku = self.page.settings.variant_mode == "sku"
        own_id = variant_id(variant, self.page.settings) if variant is not None else ""
        if variant is not None and own_id and by_sku:
            self.put("id", variant.source, own_id, own_id)
        elif own_id and variant is not None:
            self.put("variant_id", variant.source, own_id, own_id)
        units = [one for one in entity.members if one.is_group or not entity.variants]
        for one in [variant] if variant is not None else units:
            sku = sku_of(one)
            if sku:
                self.put("sku", one.source, sku, sku)
                break
        self._address(entity, variant)
        ids = entity.ids
        for kind in self.page.settings.id_from or ID_ORDER:
            if kind == "group":
                told = entity.group
            elif kind == "url":
                told = id_of(self._id_address(entity), self.page.place.url_args)
            else:
                told = ids.get(kind, "")
            if told:
                tellers = (one.source for one in entity.members if one.ids.get(kind) == told)
                source = "request" if kind == "url" else entity.members[0].source
                self.put("id", next(tellers, source), f"{kind}: {told}", told)
                break
        if "url" not in self.values:
            self._request_address()

    def _id_address(self, entity: Entity) -> str:
        if entity.members[0].is_group or entity.is_foreign:
            told = next((one.url for one in entity.members if one.url), None)
            if told is not None:
                return told
        return str(self.values.get("url") or self.page.place.url)

    def _address(self, entity: Entity, variant: Described | None) -> None:
        """The product's URL (rule R50), as far as the page tells one."""
        own = next((one.url for one in entity.members if one.url), None)
        if variant is not None and variant.match == 2 and variant.url:
            own = variant.url
        told = [("canonical", self.page.place.canonical), (entity.members[0].source, own)]
        if entity.is_foreign:
            told.reverse()
        for source, address in (*told, ("open_graph", self.page.place.og_url)):
            if address:
                self.put("url", source, address, without_tracking(address))
                return

    def _request_address(self) -> None:
        known = {
            str(self.values[name]) for name in ("id", "variant_id", "sku") if name in self.values
        }
        here = address_key(self.page.place.url, self.page.place.url_args)
        known.update(value for _, value in (here.identity if here else ()))
        try:
            address = page_address(self.page.place.url, self.page.settings, known)
        except InvalidValueError:
            return
        self.put("url", "request", self.page.place.url, address)


def assemble(page: StructuredPage, entity: Entity, chosen: frozenset[str]) -> Assembly:
    """What the page tells of an entity and its chosen variant.

    :param chosen: values of arguments that choose a variant.
    """
    assembly = Assembly(page)
    assembly.read(entity, select(entity, page.place, page.settings, chosen))
    return assembly


def assemble_plain(page: StructuredPage, entity: Entity, chosen: frozenset[str]) -> Assembly:
    """The product of JSON-LD, and what the metas of the head add to it.

    Metas that may hold an id are read first, whatever else is known: else the product of one page
    would have another kind of id than that of the next (rule R34).
    """
    head = page.document.head
    if head.holds(b"product:") or head.holds(b"og:price"):
        page.add_metas(entity)
        return assemble(page, entity, chosen)
    assembly = assemble(page, entity, chosen)
    if not assembly.is_complete and head.holds(b"og:"):
        described = page.add_metas(entity)
        if described is not None:
            assembly.supplement(described)
    return assembly


def _alike(one: object, other: object) -> bool:
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return one == other
    return str(one).casefold() == str(other).casefold()
