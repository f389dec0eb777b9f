"""What stands around a place of a page: the elements that are open, headings, links and code."""

from __future__ import annotations

import html as html_entities
import re
from typing import AnyStr
from urllib.parse import urljoin, urlsplit

_SECTION = 16 * 1024
_STRUCK_CLASS = re.compile(
    r"(?:\A|[\s_-])(?:old|was|strike\w*|struck|crossed|scratched|slashed|deleted|compared?|before"
    r"|prev(?:ious)?|rrp|uvp|msrp|prior|line-?through|antes|anterior|tachado|prix[_-]barr[ée]|barrato|ancien"
    r"|vecchio|antigo|oude|undiscounted|alt(?:er)?|(?:streich|statt)preis)(?:[\s_-]|\Z)"
    r"|line-through|price-?before",
    re.IGNORECASE,
)
# Under such a heading stand other products.
_OTHERS = re.compile(
    """related|similar|recommend|also (?:like|love|b|v)|recently|customers|more (?:from|like)
    |[äÄ]hnlich|kunden|empfehl|zuletzt|auch gefallen|passend|aimerez|similaires|aussi|también
    |relacionad|correlat|anche|gerelateerd|interesse|accessor|zubeh|bestsell|popular|beliebt
    |trending|frequently|complete the|pairs (?:well )?with|new arrivals|podobn|liknande|lignende
    |похож|関連|相关""".replace("\n    ", "").encode(),
    re.IGNORECASE,
)
TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)([^<>]*)>?")
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_INLINE = frozenset(
    """
    a abbr b bdi big data del em font i ins mark q s small span strike strong sub sup u
    """.split()
)
# What an element's end is in the text: nothing, a space between cells of a row, else a new line.
_SPACES = {**dict.fromkeys(_INLINE, ""), **dict.fromkeys(("td", "th", "dt", "dd"), " ")}
BLOCK = "\x1f"
_STRIKING = frozenset(["del", "s", "strike"])
_TO_CART = re.compile(
    r"href\s*=\s*\S*/(?:cart|basket|warenkorb|panier|carrito|carrello|checkout)\b"
)
_CODE = (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"))
_HREF = re.compile(r"href\s*=\s*[\"']?([^\"'\s>#]+)", re.IGNORECASE)
_PARTS = (b"aside", b"section", b"nav", b"header", b"article", b"li")
_LONGEST_LINK = 400
_LINK = re.compile(rb"<a\s[^<>]*>")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_HIDDEN = re.compile(r"(?:\A|\s)hidden(?:[\s=]|\Z)", re.IGNORECASE)
_NO_DISPLAY = re.compile(r"style\s*=\s*[\"'][^\"']*display\s*:\s*none", re.IGNORECASE)
_CLASSES = re.compile(r"(?:class|style|id)\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s>]+))", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_below_others(page: bytes, at: int, own: str) -> bool:
    """Whether a heading above a place, not the page's own, leads to another product or says so.

    :param own: the address of the page's product.
    """
    nearest = start = _heading_before(page, at, b"7")
    while start >= 0 and page[start + 2 : start + 3] != b"1":
        above = _heading_before(page, start, page[start + 2 : start + 3])
        if above < 0 and _heading_before(page, start, b"7") < 0 and page.find(b"<h1", at) < 0:
            return False
        if any(
            page.count(b"</" + part, start, at) > page.count(b"<" + part, start, at)
            for part in _PARTS
        ):
            return False  # what the heading stands above has ended
        heading = page[start : page.find(b"</h", start, start + 300)]
        if _OTHERS.search(heading):
            return True
        if start == nearest and _leads_to_another(_link_of(page, start, heading), own):
            return True
        start = above
    return False


def _link_of(page: bytes, start: int, heading: bytes) -> str:
    """The tag of the link that a heading stands in, or that stands in it; empty: there is none."""
    before = page[max(0, start - _LONGEST_LINK) : start]
    opening = before.rfind(b"<a ")
    around = heading if opening < before.rfind(b"</a") or opening < 0 else before[opening:]
    found = _LINK.search(around)
    return found[0].decode("utf-8", "replace") if found else ""


def _leads_to_another(attributes: str, own: str) -> bool:
    """Whether a link leads to a page beside the product's own: to another product."""
    found = _HREF.search(attributes)
    if found is None or not own:
        return False
    try:
        here, there = urlsplit(own), urlsplit(urljoin(own, html_entities.unescape(found[1])))
    except ValueError:
        return False
    paths = [url.path.rstrip("/") for url in (here, there)]
    folders = [path.rpartition("/")[0] for path in paths]
    return folders[0] != "" and folders[0] == folders[1] and paths[0] != paths[1]


def _heading_before(page: bytes, at: int, rank: bytes) -> int:
    """Where the last heading above a rank begins, ``b"2"`` of ``<h2>``; -1: there is none."""
    top = max(0, at - _SECTION)
    start = page.rfind(b"<h", top, at)
    while start >= 0 and not b"1" <= page[start + 2 : start + 3] < rank:
        start = page.rfind(b"<h", top, start)
    return start


def is_within_code(text: AnyStr, at: int) -> bool:
    """Whether a place is inside a script, a style sheet or a comment."""
    # Backwards, which is several times as fast; what is never closed hides nothing.
    for pair in _CODE:
        opening, closing = map(str.encode, pair) if isinstance(text, bytes) else pair
        start = text.rfind(opening, 0, at)
        if start >= 0 and text.find(closing, start, at) < 0 and text.find(closing, at) >= 0:
            return True
    return False


def whole_tags(markup: str) -> str:
    """A piece of markup without the tags that it cuts through."""
    if markup.rfind("<") > markup.rfind(">"):
        markup = markup[: markup.rfind("<")]
    return markup[markup.find(">") + 1 :] if -1 < markup.find(">") < markup.find("<") else markup


def text_of(markup: str) -> str:
    """The text of a piece of markup, in which what a block ends begins anew."""
    return TAG.sub(lambda tag: _SPACES.get(tag[2].lower(), BLOCK), markup)


def open_elements(markup: str) -> list[tuple[str, str]]:
    """The elements that are open at the end of a piece of markup: name and attributes."""
    opened: list[tuple[str, str]] = []
    for closing, spelled, rest in TAG.findall(markup):
        name = spelled.lower()
        if not closing:
            if name not in _VOID and not rest.endswith("/"):
                opened.append((name, rest))
        else:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == name:
                    del opened[depth:]
                    break
    return opened


def is_struck(name: str, classes: str) -> bool:
    """Whether an element says by its name, its classes or its style that its price is a former."""
    return name in _STRIKING or _STRUCK_CLASS.search(_CAMEL.sub("-", classes)) is not None


def strikes(element: tuple[str, str], own: str) -> bool:
    """Whether what stands in an element is hidden, of another product, or was the price before."""
    name, attributes = element
    if name == "a" and (_TO_CART.search(attributes) or _leads_to_another(attributes, own)):
        return True
    if "hidden" in attributes and _HIDDEN.search(_QUOTED.sub("", attributes)):
        return True
    if "=" not in attributes:
        return is_struck(name, "")
    if "none" in attributes and _NO_DISPLAY.search(attributes):
        return True
    classes = " ".join("".join(found) for found in _CLASSES.findall(attributes))
    return is_struck(name, classes)
