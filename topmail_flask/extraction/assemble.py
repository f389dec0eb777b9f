"""The product that an entity of the page amounts to, field by field, with its trace."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from topmail_flask.extraction.addresses import (
    PICTURE,
    PageLocation,
    address_key,
    id_of,
    is_front_page,
    last_segment,
    page_address,
    without_tracking,
)
from topmail_flask.extraction.offers import OfferPrice, choose_price, offers_of
from topmail_flask.extraction.page import StructuredPage
from topmail_flask.extraction.products import (
    Described,
    Describer,
    Entity,
    identifier_of,
    identifiers,
)
from topmail_flask.extraction.schema_org import (
    Candidate,
    Node,
    each,
    is_placeholder,
    name_of,
    scalar_text,
    text_of,
)
from topmail_flask.model.decision import Conflict, Noted, Rejected, Trace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import LABEL_LIMIT, Product
from topmail_flask.model.settings import Settings

NOTED = 20
_OWN_IDS = ("sku", "productID", "retailer_id", "gtin", "mpn")
ID_ORDER = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "offered", "url")
_ARGUMENT_LIMIT = 100
_WORD = re.compile(r"[^\W_]+")
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
_IMAGE_LIMIT = 50
_LONGEST = 8192
_NO_PICTURE = re.compile(
    r"(?i)no[-_]selection|(?:\A|[/_-])(?:placeholder|no[-_]?(?:image|photo|picture)|blank|spacer|"
    r"image[-_]coming[-_]soon)(?:[-_.]|\Z)|/placeholder/"
    # "/uploads/None", as a template prints a missing file.
    r"|/(?:none|null|undefined|nan)(?:\.\w{2,5})?/?(?:[?#]|\Z)"
)
# Without one of these there is none of them.
_OF_NO_PICTURE = ("no", "nul", "nan", "undef", "placeholder", "blank", "spacer", "soon")
_NO_ADDRESS = frozenset(["", "undefined", "null", "none", "false", "nan"])
# The picture of the shop, which a theme gives to every page.
_LOGO = re.compile(
    r"(?i)/(?:[\w.-]*[-_.])?logo(?:[-_.@](?:\d+x?\d*|dark|light|white|black|small|large|big|og|social"
    r"|share|square|default|main|new|full|wide|color|colour|rgb))*\.\w{2,5}(?:[?#]|\Z)"
    r"|/(?:og|social|share|default|opengraph)[-_]?(?:image|share|preview|default|og|card)?"
    r"\.\w{2,5}(?:[?#]|\Z)"
)
_SEVERAL = re.compile(r",\s*(?=https?://)")  # a list that was printed as one text
_LABELS = ("name", "brand", "category", "image_url")
_METAS = ("open_graph", "product_tags")  # sources that a theme fills on every page
_NO_BRAND = frozenset(["", "0", "n. a.", "n.a.", "na", "false", "unknown", "unbranded", "no brand"])


def category_of(value: object, lang: str | None) -> str:
    """The category that a product names, or "".

    Of a list it is the last if each extends the one before it, else the first. Numbers of a
    taxonomy are no category. A path too long to be sent keeps its last parts.
    """
    categories = list(each(value))[:20]
    names = [name for category in categories if (name := _category_name(category, lang))]
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


def category_of_breadcrumbs(
    lists: list[Node], product: str, place: PageLocation, lang: str | None
) -> str:
    """The category that the page's breadcrumbs lead through, or "".

    The one that ends at this page counts, else the first. Without its first steps as long as they
    are the shop itself, and without its last if that is the product.
    """

    def is_here(name: str, address: str) -> bool:
        url = place.own(address)
        return name.casefold() == product.casefold() or (url is not None and place.match(url) > 0)

    def is_home(name: str, address: str) -> bool:
        url = place.own(address)
        is_front = url is not None and "?" not in url and is_front_page(url)
        return is_front or name.casefold() in _HOME

    first = ""
    for breadcrumbs in lists[:10]:
        steps = _steps(breadcrumbs, lang)
        ends_here = bool(steps) and is_here(*steps[-1])
        if ends_here:
            steps = steps[:-1]
        while steps and is_home(*steps[0]):
            steps = steps[1:]
        category = fitting(" > ".join(name for name, _ in steps))
        if ends_here and category:
            return category
        first = first or category
    return first


def _steps(node: Node, lang: str | None) -> list[tuple[str, str]]:
    """Names and addresses of the steps, by their positions."""
    steps: list[tuple[float, str, str]] = []
    for at, step in enumerate(itertools.islice(each(node.get("itemListElement")), _STEP_LIMIT)):
        if not isinstance(step, dict):
            continue
        item = next(each(step.get("item")), None)
        name = text_of(step.get("name"), lang)
        if not name and isinstance(item, dict):
            name = text_of(item.get("name"), lang)
        if name:
            steps.append((_position(step.get("position"), at), name, _address(step, item)))
    steps.sort(key=lambda step: step[0])
    return [(name, address) for _, name, address in steps]


def _position(value: Any, default: int) -> float:
    for number in each(value):
        try:
            position = float(number)
        except (TypeError, ValueError, OverflowError):
            continue
        if position == position:  # noqa: PLR0124  NaN sorts nowhere
            return position
    return float(default)


def _address(step: Node, item: object) -> str:
    for value in (item, step.get("url"), step.get("@id")):
        address = next(each(value), None)
        if isinstance(address, dict):
            address = next(each(address.get("@id") or address.get("url")), None)
        if isinstance(address, str):
            return address
    return ""


def image_of(value: object, place: PageLocation) -> tuple[str, str]:
    """Raw and absolute address of the first picture that can be one (rule R51)."""
    for picture in itertools.islice(each(value), _IMAGE_LIMIT):
        for raw in _image_addresses(picture):
            address = raw.strip()
            if "," in address:
                address = _SEVERAL.split(address, maxsplit=1)[0]
            folded = address.casefold()
            is_no_picture = (
                folded in _NO_ADDRESS
                or len(address) > _LONGEST
                or (any(map(folded.__contains__, _OF_NO_PICTURE)) and _NO_PICTURE.search(address))
            )
            url = None if is_no_picture else place.absolute(address)
            # The page itself is no picture.
            if url is not None and (PICTURE.search(url) or not place.match(url)):
                return raw, url
    return "", ""


def _image_addresses(value: object) -> list[str]:
    """The addresses in one value; an ``@id`` is one if it is that of a picture."""
    if isinstance(value, dict):
        named = value.get("@id")
        own = named if isinstance(named, str) and PICTURE.search(named) else None
        values = [value.get("contentUrl"), value.get("url"), own, value.get("src")]
        found = [
            address.get("@id") if isinstance(address, dict) else address
            for some in values
            for address in each(some)
        ]
        return [address for address in found if isinstance(address, str)][:10]
    return [value] if isinstance(value, str) else []


def brand_of(node: Node, lang: str | None, site_name: str = "") -> str:
    """The brand, else the manufacturer (rule R52).

    :param site_name: name of the shop; a theme that prints it as the brand says nothing.
    """
    for key in ("brand", "manufacturer"):
        brand = name_of(node.get(key), lang)
        folded = brand.casefold()
        is_none = folded in _NO_BRAND or is_placeholder(folded) or "://" in folded
        if not is_none and folded != site_name.casefold():
            return brand
    return ""


def arguments(
    url: str, view_args: Mapping[str, object] | None, names: tuple[str, ...]
) -> frozenset[str]:
    """The values of the query and route arguments that choose a variant."""
    given: list[tuple[str, object]] = [*_query(url), *(view_args or {}).items()]
    return frozenset(
        str(value).casefold()
        for name, value in given
        if name in names and isinstance(value, (str, int)) and not isinstance(value, bool)
    )


def _query(url: object) -> list[tuple[str, str]]:
    if not isinstance(url, str) or "?" not in url:
        return []
    try:
        return parse_qsl(urlsplit(url).query, max_num_fields=_ARGUMENT_LIMIT)
    except ValueError:
        return []


def _variant_id(variant: Described, settings: Settings) -> str:
    """The variant's own id: its sku, else another identifier, else the argument in its URL."""
    own = filter(None, map(variant.ids.get, _OWN_IDS))
    return next(own, None) or _argument(variant, settings)


def _argument(variant: Described, settings: Settings) -> str:
    for url in (variant.url, variant.node.get("@id")):
        query = dict(_query(url))
        for name in settings.variant_args:
            if query.get(name):
                return query[name]
    return ""


def select(
    entity: Entity, describer: Describer, settings: Settings, chosen: frozenset[str]
) -> Described | None:
    """The variant that is shown, or None (rule R30): by its URL, by an argument, or the only one.

    :param chosen: what :func:`arguments` gave.
    """
    variants = entity.variants
    if not variants and (chosen or "?" in describer.place.url):
        variants = _of_offers(entity, describer)
    if not variants:
        return None
    exact = [variant for variant in variants if variant.match == 2]
    if len(exact) > 1:
        # One that names arguments of this address says more than one that names only its path.
        exact = [variant for variant in exact if variant.url and "?" in variant.url]
    do_differ = len(variants) == 1 or len({variant.url for variant in variants}) > 1
    if len(exact) == 1 and do_differ:
        return exact[0]
    if chosen:
        named = [
            variant
            for variant in variants
            if chosen.intersection(value.casefold() for value in variant.ids.values())
            or _argument(variant, settings).casefold() in chosen
        ]
        if len(named) == 1:
            return named[0]
    return entity.variants[0] if len(entity.variants) == 1 else None


def _of_offers(entity: Entity, describer: Describer) -> list[Described]:
    """Offers of different stock-keeping units are variants of the old style (rule R33)."""
    for member in entity.members:
        offers = [offer for offer in offers_of(member.node, every=True) if "sku" in offer]
        if len({scalar_text(offer["sku"]) for offer in offers}) > 1:
            named = ("sku", "url", "gtin", "gtin13")
            nodes = [
                {**{name: offer.get(name) for name in named}, "offers": offer} for offer in offers
            ]
            return [describer.describe(Candidate(member.source, node)) for node in nodes]
    return []


def sku_of(description: Described) -> str:
    """The stock-keeping unit: the product's own, or the one that all its offers agree on."""
    if description.ids.get("sku"):
        return description.ids["sku"]
    units = {identifier_of(offer.get("sku")) for offer in _single_offers(description.node)}
    return units.pop() if len(units) == 1 else ""


def _single_offers(node: Node) -> list[Node]:
    """The offers of a product without those that only sum up others."""
    return [offer for offer in offers_of(node, every=True) if "offers" not in offer]


@dataclass(slots=True)
class Assembly:
    """What is known of the page's product so far.

    :ivar values: the fields, as :meth:`Product.from_fields` takes them.
    """

    page: StructuredPage
    values: dict[str, Any] = field(default_factory=dict)
    noted: list[Noted] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def product(self) -> Product | None:
        """The product, without the fields that cannot be right; None without an id and a name."""
        rejected: dict[str, str] = {}
        try:
            product: Product | None = Product.from_fields(self.values, rejected)
        except InvalidValueError as error:
            rejected[error.field] = error.problem
            product = None
        self.problems += rejected.items()
        return product

    def trace(
        self, problems: Iterable[tuple[str, str]] = (), candidates: tuple[str, ...] = ()
    ) -> Trace:
        """How it came about, with what is wrong beside it."""
        page = self.page
        rejected = [*page.document.notes, *self.problems, *problems][:NOTED]
        return Trace(
            noted=tuple(self.noted),
            conflicts=tuple(self.conflicts),
            rejected=tuple(Rejected(what, why) for what, why in rejected),
            candidates=candidates,
            related=tuple(page.found.related),
            repairs=tuple(page.document.repairs),
        )

    def put(self, name: str, source: str, raw: object, value: object) -> None:
        """Take a value, unless a better source has told one: then a different one is a conflict."""
        known = self.values.get(name)
        if known is None:
            self.values[name] = value
            self.noted.append((name, source, raw, value))
        elif name not in ("image_url", "url", "id") and not _alike(known, value):
            first = next((first for field, first, *_ in self.noted if field == name), "")
            self.conflicts.append(Conflict(name, first, str(known)[:200], source, str(value)[:200]))

    def read(self, entity: Entity, variant: Described | None) -> None:
        """Fill the fields from an entity and its chosen variant."""
        self._labels(entity, variant)
        self._price(entity, variant)
        self._identity(entity, variant)
        if "category" not in self.values:
            name, page = self.values.get("name") or entity.name, self.page
            category = category_of_breadcrumbs(
                page.breadcrumbs(), str(name), page.place, page.shop.lang
            )
            if category:
                self.put("category", "breadcrumbs", category, category)

    def supplement(self, description: Described) -> None:
        """Fill what is missing from a lesser description, which has no id."""
        for name in _LABELS[1:]:
            self._put_label(name, description)
        found = self._chosen(description.source, [description.node])
        if found is not None:
            self._put_price(*found)

    def _put_label(self, name: str, description: Described) -> None:
        """Take one of :data:`_LABELS` from a description that tells it."""
        node, page = description.node, self.page
        is_meta = description.source in _METAS
        raw: object = node.get("image" if name == "image_url" else name)
        if name == "name":
            value = description.name
        elif name == "brand":
            site_name = page.og.values.get("og:site_name", "") if is_meta else ""
            value = brand_of(node, page.shop.lang, site_name)
        elif name == "category":  # its own, else that of its offers
            value = category_of(raw, page.shop.lang)
            for offer in [] if value else offers_of(node, limit=1):
                value = category_of(offer.get("category"), page.shop.lang)
        else:
            if is_meta:
                raw = [image for image in each(raw) if not _LOGO.search(str(image))]
            raw, value = image_of(raw, page.place)
        if value:
            self.put(name, description.source, raw, value)

    def _labels(self, entity: Entity, variant: Described | None) -> None:
        described = entity.members if variant is None else [variant, *entity.members]
        for name in _LABELS:
            # A variant is called and looks otherwise than its group, and a page's title is
            # not the product's name: only labels of equals are compared.
            equals = described if variant is None and name != "name" else ()
            # A group that does not tell a label has that of its first variant that does.
            for description in (*described, *entity.variants[:20]):
                if name not in self.values or description in equals:
                    self._put_label(name, description)

    def _price(self, entity: Entity, variant: Described | None) -> None:
        """The price of the best source that has one; zero only where no other has more."""
        if variant is not None:  # and of its group the own price, never another variant's
            described = [variant, *(member for member in entity.members if member.is_group)]
            asked = [(member.source, [member.node]) for member in described]
        else:
            asked = [(member.source, [member.node]) for member in entity.members]
            asked[0][1].extend(variant.node for variant in entity.variants)
        prices = [found for source, nodes in asked if (found := self._chosen(source, nodes))]
        if variant is not None:
            del prices[1:]
        for source, price in sorted(prices, key=lambda found: not found[1].amount):
            self._put_price(source, price)

    def _chosen(self, source: str, nodes: list[Node]) -> tuple[str, OfferPrice] | None:
        price, problem = choose_price(nodes, self.page.shop)
        if problem:
            self.problems.append(("price", f"{problem} ({source})"))
        return (source, price) if price is not None else None

    def _put_price(self, source: str, price: OfferPrice) -> None:
        self.put("price", source, price.raw, price.amount)
        self.put("currency", source, price.currency, price.currency)

    def _identity(self, entity: Entity, variant: Described | None) -> None:
        settings = self.page.settings
        own_id = _variant_id(variant, settings) if variant is not None else ""
        if own_id and variant is not None:
            name = "id" if settings.variant_mode == "sku" else "variant_id"
            self.put(name, variant.source, own_id, own_id)
        units = [member for member in entity.members if member.is_group or not entity.variants]
        for description in [variant] if variant is not None else units:
            sku = sku_of(description)
            if sku:
                self.put("sku", description.source, sku, sku)
                break
        self._address(entity, variant)
        for kind in settings.id_from or ID_ORDER:
            product_id = self._id(kind, entity, variant)
            if product_id:
                tellers = (
                    member.source for member in entity.members if member.ids.get(kind) == product_id
                )
                source = "request" if kind == "url" else entity.members[0].source
                self.put("id", next(tellers, source), f"{kind}: {product_id}", product_id)
                break
        if "url" not in self.values:
            self._request_address()

    def _id(self, kind: str, entity: Entity, variant: Described | None) -> str:
        if kind == "group":
            return entity.group
        first = entity.members[0]
        if kind == "offered":  # the only offer's: its sku, else another; no variant's
            if variant is not None:
                return ""
            offers = _single_offers(first.node)
            ids = identifiers(offers[0]) if len(offers) == 1 else {}
            return sku_of(first) or next(iter(ids.values()), "")
        if kind == "url":
            own = (member.url for member in entity.members if member.url)
            address = next(own, None) if first.is_group or entity.is_foreign else None
            address = address or self.values.get("url") or self.page.place.url
            return id_of(address, self.page.place.url_args)
        return entity.ids.get(kind, "")

    def _address(self, entity: Entity, variant: Described | None) -> None:
        """The product's URL (rule R50), as far as the page tells one."""
        own = next((member.url for member in entity.members if member.url), None)
        if variant is not None and variant.match == 2 and variant.url:
            own = variant.url
        canonical = None if self._is_parent(entity) else self.page.place.canonical
        addresses = [("canonical", canonical), (entity.members[0].source, own)]
        if entity.is_foreign:
            addresses.reverse()
        for source, address in (*addresses, ("open_graph", self.page.place.og_url)):
            if address:
                self.put("url", source, address, without_tracking(address))
                return

    def _is_parent(self, entity: Entity) -> bool:
        """Whether the canonical address is the category: above this page, which has the name."""
        place = self.page.place
        here = address_key(place.url, place.url_args)
        above = address_key(place.canonical, place.url_args) if place.canonical else None
        if here is None or above is None or not here.path.startswith(f"{above.path}/"):
            return False
        words = set(_WORD.findall(entity.name.casefold()))
        last = set(_WORD.findall(last_segment(here.path).casefold()))
        return bool(words) and words <= last and not words <= set(_WORD.findall(above.path))

    def _request_address(self) -> None:
        place = self.page.place
        known = {
            str(self.values[name]) for name in {"id", "variant_id", "sku"} & self.values.keys()
        }
        here = address_key(place.url, place.url_args)
        known.update(value for _, value in (here.identity if here else ()))
        try:
            address = page_address(place.url, self.page.settings, known)
        except InvalidValueError:
            return
        self.put("url", "request", place.url, address)


def assemble(page: StructuredPage, entity: Entity, chosen: frozenset[str]) -> Assembly:
    """What the page tells of an entity and its chosen variant.

    :param chosen: values of arguments that choose a variant.
    """
    assembly = Assembly(page)
    assembly.read(entity, select(entity, page.describer, page.settings, chosen))
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
    is_complete = {"price", "image_url", "brand"} <= assembly.values.keys()
    if not is_complete and head.holds(b"og:"):
        described = page.add_metas(entity)
        if described is not None:
            assembly.supplement(described)
    return assembly


def _alike(value: object, other: object) -> bool:
    if isinstance(value, Decimal) or isinstance(other, Decimal):
        return value == other
    return str(value).casefold() == str(other).casefold()
