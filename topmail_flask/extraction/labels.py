"""What a product is called and looks like: name, brand, category and picture.

A category is the product's own, or the one that the page's breadcrumbs lead through.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from topmail_flask.extraction.addresses import PageLocation, is_front_page
from topmail_flask.extraction.offers import offers_of
from topmail_flask.extraction.page import StructuredPage
from topmail_flask.extraction.products import Described
from topmail_flask.extraction.schema_org import Node, each, is_placeholder, name_of, text_of
from topmail_flask.model.product import LABEL_LIMIT

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
    names = [
        name for category in list(each(value))[:20] if (name := _category_name(category, lang))
    ]
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
    first = ""
    for breadcrumbs in lists[:10]:
        steps = _steps(breadcrumbs, lang)
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
    for at, step in enumerate(each(node.get("itemListElement"))):
        if at == _STEP_LIMIT:
            break
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


def _is_here(step: tuple[str, str], product: str, place: PageLocation) -> bool:
    name, address = step
    if name.casefold() == product.casefold():
        return True
    url = place.own(address) if address else None
    return url is not None and place.match(url) > 0


def _is_home(step: tuple[str, str], place: PageLocation) -> bool:
    name, address = step
    if name.casefold() in _HOME:
        return True
    url = place.own(address) if address else None
    return url is not None and "?" not in url and is_front_page(url)


_IMAGE_LIMIT = 50
_LONGEST = 8192
_NO_PICTURE = re.compile(
    r"no[-_]selection|(?:\A|[/_-])(?:placeholder|no[-_]?(?:image|photo|picture)|blank|spacer|"
    r"image[-_]coming[-_]soon)(?:[-_.]|\Z)",
    re.IGNORECASE,
)
_NO_ADDRESS = frozenset(["", "undefined", "null", "none", "false", "nan"])
# "/uploads/None", as a template prints a missing file.
_NO_FILE = re.compile(r"/(?:none|null|undefined|nan)(?:\.\w{2,5})?/?(?:[?#]|\Z)", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif|avif|svg|bmp)(?:[?#]|\Z)", re.IGNORECASE)
# The picture of the shop, which a theme gives to every page.
_LOGO = re.compile(
    r"/(?:[\w.-]*[-_.])?logo(?:[-_.@](?:\d+x?\d*|dark|light|white|black|small|large|big|og|social"
    r"|share|square|default|main|new|full|wide|color|colour|rgb))*\.\w{2,5}(?:[?#]|\Z)"
    r"|/(?:og|social|share|default|opengraph)[-_]?(?:image|share|preview|default|og|card)?"
    r"\.\w{2,5}(?:[?#]|\Z)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r",\s*(?=https?://)")  # a list that was printed as one text
_METAS = ("open_graph", "product_tags")  # sources that a theme fills on every page
_NO_BRAND = frozenset(["", "n. a.", "no brand"]) | frozenset(
    "- – — 0 n/a n.a. na none null undefined false unknown unbranded".split()
)


def image_of(value: object, place: PageLocation) -> tuple[str, str]:
    """Raw and absolute address of the first picture that can be one (rule R51)."""
    for at, picture in enumerate(each(value)):
        if at == _IMAGE_LIMIT:
            break
        for raw in _image_addresses(picture):
            address = raw.strip()
            if "," in address:
                address = _SEVERAL.split(address, maxsplit=1)[0]
            if _is_no_picture(address):
                continue
            url = place.absolute(address)
            if url is not None:
                return raw, url
    return "", ""


def _is_no_picture(address: str) -> bool:
    return (
        address.lower() in _NO_ADDRESS
        or len(address) > _LONGEST
        or _NO_PICTURE.search(address) is not None
        or _NO_FILE.search(address) is not None
        or is_placeholder(address)
    )


def _image_addresses(value: object) -> list[str]:
    """The addresses in one value; an ``@id`` is one if it is that of a picture."""
    if isinstance(value, dict):
        named = value.get("@id")
        own = named if isinstance(named, str) and _PICTURE.search(named) else None
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
        if (
            folded in _NO_BRAND
            or is_placeholder(folded)
            or folded == site_name.casefold()
            or "://" in folded
        ):
            continue
        return brand
    return ""


def category_field(description: Described, lang: str | None) -> str:
    """The category of the product itself, else that of its offers."""
    found = category_of(description.node.get("category"), lang)
    if found:
        return found
    offers = offers_of(description.node)[:1]
    return category_of(offers[0].get("category"), lang) if offers else ""


def _name(description: Described, _: StructuredPage) -> tuple[object, str]:
    return description.node.get("name"), description.name


def _brand(description: Described, page: StructuredPage) -> tuple[object, str]:
    shop = page.og.values.get("og:site_name", "") if description.source in _METAS else ""
    return description.node.get("brand"), brand_of(description.node, page.shop.lang, shop)


def _category(description: Described, page: StructuredPage) -> tuple[object, str]:
    return description.node.get("category"), category_field(description, page.shop.lang)


def _image(description: Described, page: StructuredPage) -> tuple[object, str]:
    images = description.node.get("image")
    if description.source in _METAS:
        images = [image for image in each(images) if not _LOGO.search(str(image))]
    return image_of(images, page.place)


Reader = Callable[[Described, StructuredPage], tuple[object, str]]
# For each field that is read from one description: its raw and its normalised value.
READERS: dict[str, Reader] = {
    "name": _name,
    "brand": _brand,
    "category": _category,
    "image_url": _image,
}
