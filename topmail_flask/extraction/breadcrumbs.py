"""The category of a product, from its own words or from the page's breadcrumbs (rule R53)."""

from __future__ import annotations

import itertools
import re
from typing import Any

from topmail_flask.extraction.addresses import is_front_page
from topmail_flask.extraction.place import Place
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
