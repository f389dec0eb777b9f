"""The JSON-LD blocks of a page: found by their bytes, and read or repaired without guessing.

A block that stands in plain view is cut out of the page without parsing it. Only where a comment,
a ``<noscript>``, a ``<template>`` or another script might hide one, the tree decides. Every step of
a repair is a fixed number of passes through the text that never go back, so that a hostile block
costs linear time; blocks beyond 64 KB are read as they are or not at all.
"""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from itertools import islice
from typing import Any

from topmail_flask.extraction.document import Document, attributes, is_in, positions
from topmail_flask.extraction.schema_org import PRODUCTS, has_odd_keys, with_usual_keys

BLOCK_LIMIT = 200
BYTES_LIMIT = 512 * 1024
_START_TAG = 4_096
_USUAL_START = b'<script type="a'
_USUAL_TAG = b'<script type="application/ld+json">'
_TAGS = (b"script", b"noscript", b"template", b"textarea")
_HIDING = ((b"<!--", b"-->"), *((b"<" + tag, b"</" + tag) for tag in _TAGS))
_USUAL_TYPE = b"pplication/ld+json"
# Some templates write "&#43;" for the plus, and "&#x2F;" for the slash.
_SPELLED = re.compile(rb"(?i)pplication(?:/|&#x2f;|&#47;|&sol;)ld(?:\+|&#43;|&#x2b;|&plus;)json")
_BEFORE_PLUS = len(b"pplication/ld")
_FEW = 64
_TYPE_LENGTH = len(_USUAL_TYPE)
_SPELT = (b"on", b"ld")  # what stands before a slash or a plus that is spelled as an entity
_LOOKED_AT = 2_000
_PRODUCT_WORDS = (
    b"product",
    *(name.encode() for name in sorted(PRODUCTS) if "product" not in name),
)


def mentions_product(document: Document) -> bool:
    """Whether a block has the name of a product's type anywhere."""
    blocks = map(bytes.lower, document.once(blocks_of))
    return any(word in block for block in blocks for word in _PRODUCT_WORDS)


def read(document: Document) -> list[Any]:
    """The JSON documents of the page's blocks, in their order; equal blocks once.

    A block that cannot be read is a note of the document, one that was repaired is one of its
    repairs.
    """
    nodes: list[Any] = []
    seen = set()
    for number, block in enumerate(document.once(blocks_of), 1):
        text = block.decode("utf-8", "replace").strip()
        if text in seen:
            continue
        seen.add(text)
        try:
            found, step = read_json(text)
        except BrokenJsonError as error:
            document.notes.append((f"JSON-LD block {number}", error.place))
            continue
        if step:
            document.repairs.append(f"JSON-LD block {number}: {step}")
        if has_odd_keys(found):
            found = [with_usual_keys(node) for node in found]
        nodes += [node for node in found if isinstance(node, (dict, list))]
    return nodes


def blocks_of(document: Document) -> list[bytes]:
    """The page's JSON-LD blocks as they stand there, in their order."""
    html = document.html
    blocks: list[bytes] = []
    passed = 0
    for at in _media_types(html):
        if at < passed:
            continue
        start, inside = _start_tag(html, at)
        if inside <= at:
            continue
        end = html.find(b"</script", inside)
        if end < 0:
            end = html.find(b"</SCRIPT", inside)
        if end < 0:
            break
        if any(_may_hide(html, *pair, passed, start, end + 8) for pair in _HIDING):
            return _blocks_of_tree(document)
        passed = end
        if end - inside <= BYTES_LIMIT:
            blocks.append(html[inside:end])
        if len(blocks) == BLOCK_LIMIT:
            break
    return blocks


def _media_types(html: bytes) -> list[int]:
    """Where the page names the media type of JSON-LD, in any one of the ways to write it."""
    # To look for one byte takes a tenth of the time that to look for a word takes.
    pluses = _few(html, b"+")
    if pluses is None:
        found = positions(html, _USUAL_TYPE, _LOOKED_AT)
    else:
        starts = (at - _BEFORE_PLUS for at in pluses if at >= _BEFORE_PLUS)
        found = [
            start for start in starts if html[start : start + _TYPE_LENGTH].lower() == _USUAL_TYPE
        ]
    if found:
        return found
    entities = _few(html, b"&")
    if entities is not None and not any(html[at - 2 : at].lower() in _SPELT for at in entities):
        return []
    return [at for at in positions(html, b"pplication", _LOOKED_AT) if _SPELLED.match(html, at)]


def _few(html: bytes, byte: bytes) -> list[int] | None:
    """Where a byte stands, or None if it stands in many places."""
    found: list[int] = []
    at = html.find(byte)
    while at >= 0:
        if len(found) == _FEW:
            return None
        found.append(at)
        at = html.find(byte, at + 1)
    return found


def _start_tag(html: bytes, at: int) -> tuple[int, int]:
    """Where the JSON-LD script's tag around ``at`` begins and ends; -1 twice when there is none."""
    start = at - len(_USUAL_START)
    if start >= 0 and html.startswith(_USUAL_TAG, start):
        return start, start + len(_USUAL_TAG)
    start = html.rfind(b"<script", max(0, at - _START_TAG), at)
    if start < 0:
        start = html.rfind(b"<SCRIPT", max(0, at - _START_TAG), at)
    if start >= 0:
        attribute, inside = attributes(html, start + 7)
        if _is_json_ld(attribute.get("type", "")):
            return start, inside
    return -1, -1


def _is_json_ld(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower() == "application/ld+json"


def _may_hide(html: bytes, opening: bytes, closing: bytes, seen: int, start: int, end: int) -> bool:
    """Whether the part from start to end may stand between ``opening`` and ``closing``.

    Looks at the nearer side: back to ``seen``, where the page is known to be in plain view, or
    behind it to the bottom.
    """
    before = start - seen <= len(html) - end
    side = (seen, start) if before else (end, len(html))
    if opening == b"<template":  # the only one that nests
        if html.rfind(opening, *side) < 0 and html.rfind(closing, *side) < 0:
            return False
        return html.count(opening, *side) != html.count(closing, *side)
    if before:
        opened = html.rfind(opening, seen, start)
        return opened >= 0 and html.find(closing, opened + 4, start) < 0
    closed = html.find(closing, end)
    return closed >= 0 and html.find(opening, end, closed) < 0


def _blocks_of_tree(document: Document) -> list[bytes]:
    blocks = (
        script.text().encode("utf-8", "replace")
        for script in document.tree.css("script[type]")
        if _is_json_ld(script.attributes.get("type") or "")
        and not is_in(script, ("noscript", "template"))
    )
    return list(islice((block for block in blocks if len(block) <= BYTES_LIMIT), BLOCK_LIMIT))


REPAIR_LIMIT = 64 * 1024
DOCUMENT_LIMIT = 20
_DIGIT_LIMIT = 400
_TOKEN_LIMIT = 8_000
_PREFIXES = re.compile(
    r"(?i)\s*(?:<!--+(?:/?/-->)?|(?://\s*|/\*\s*)?<!\[CDATA\[(?:\s*\*/|//><!--)?|//-->|\ufeff)\s*"
)
_SUFFIXES = (";", "-->", "]]>", "//", "*/", "/*", "//--><!", "<!")
_QUOTE_REFERENCE = re.compile(r"(?i)&(?:quot|#0*34|#x0*22);")
_STRING = r'("(?:[^"\\]++|\\.)*+(?:"|\Z))'
_COMMENT = re.compile(
    _STRING + r"|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)|;|[\u00a0\u200b-\u200f\u2060\ufeff]",
    re.DOTALL,
)
_COMMA_RUN = re.compile(_STRING + r"|(,)[\s,]*+", re.DOTALL)
_LEADING_COMMA = re.compile(_STRING + r"|([\[{])[\s,]++", re.DOTALL)
_TRAILING_COMMA = re.compile(_STRING + r"|,(?=[}\]]|\Z)", re.DOTALL)
_LONE_BACKSLASH = re.compile(r'\\(?!["/bfnrt]|u[0-9a-fA-F]{4})')
_DOUBLED_QUOTES = re.compile(r'([:\[,]\s{0,20})""([^"\n]{1,1000})""(?=\s{0,20}[,}\]])')
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_BARE_VALUE = re.compile(
    _STRING
    + r"|:\s{0,50}(\{\{[^{}]{0,200}\}\}|\{%[^%]{0,200}%\}|\d[\d .']{0,12},\d{1,2}(?=\s{0,50}[,}])"
    + r'|[^\s"{}\[\],:][^"{}\[\],:\n]{0,200}|)(?=\s{0,50}(?:[,}\]]|\Z))',
    re.DOTALL,
)
_INNER_QUOTES = re.compile(
    r'(:\s{0,20}")([^\n:{}]{0,500}?)(?="\s{0,20}(?:,\s{0,20}"[@\w]{1,40}"\s{0,9}:|,?\s{0,20}[}\]]))'
)
_BETWEEN = re.compile(r"[\s,;]*+")


class BrokenJsonError(ValueError):
    """The block is no JSON and cannot be made JSON.

    :ivar place: line, column and message of the first fault.
    """

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


def _whole(digits: str) -> int | str:
    # Python refuses to read integers of more than 4,300 digits; nothing here is one.
    return int(digits) if len(digits) <= _DIGIT_LIMIT else digits


def _nothing(_: str) -> None:
    """NaN and Infinity are no values."""


def _exact(digits: str) -> Decimal | None:
    """A number as it stands there: 250.000 is not 250.0, and 49.90001 has no binary artefacts."""
    try:
        return Decimal(digits)
    except ArithmeticError:  # an exponent of many digits
        return None


_DECODER = json.JSONDecoder(
    strict=False, parse_int=_whole, parse_float=_exact, parse_constant=_nothing
)


def read_json(text: str) -> tuple[list[Any], str]:
    """The documents of a block, and the step that made them readable ("" if none was needed).

    :raises BrokenJsonError: nothing helps.
    """
    text = text.strip(" \t\r\n\f\v\ufeff\u00a0")
    if not text:
        return [], ""
    try:
        return [_DECODER.decode(text)], ""
    except RecursionError:
        raise BrokenJsonError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
    if len(text) > REPAIR_LIMIT or sum(map(text.count, '",;/')) > _TOKEN_LIMIT:
        raise BrokenJsonError(place)
    for step, repaired in _ladder(text):
        try:
            return [_DECODER.decode(repaired)], step
        except RecursionError:
            break
        except ValueError:
            text = repaired
    documents = _several(text)
    if documents:
        return documents, "several documents"
    raise BrokenJsonError(place)


def _ladder(text: str) -> Any:
    text = _unwrapped(text)
    if not text:
        return
    yield "wrapper", text
    if _QUOTE_REFERENCE.search(text):
        text = html.unescape(text)
        yield "character references", text
    # Before comments: behind an odd quote the "//" of an address looks like one.
    yield "quotes in a text", _with_inner_quotes(text)
    text = _COMMENT.sub(_kept, text)
    text = _LEADING_COMMA.sub(_kept, _COMMA_RUN.sub(_kept, text))
    text = _TRAILING_COMMA.sub(_kept, text).strip()
    yield "comments and commas", text
    if '""' in text:
        text = _DOUBLED_QUOTES.sub(r'\1"\2"', text)
        yield "doubled quotes", text
    text = _BARE_VALUE.sub(_with_value, text)
    yield "values", text
    if "\\" in text:
        text = text.replace("\\\\", "\0").replace("\\'", "'").replace("\0", "\\\\")
        text = _LONE_BACKSLASH.sub(r"\\\\", text.replace("\\\\", "\0")).replace("\0", "\\\\")
        yield "backslash", text
    yield "quotes in a text", _with_inner_quotes(text)


def _with_inner_quotes(text: str) -> str:
    """Each text between its first and its last quote, with those inside of it escaped."""
    return _INNER_QUOTES.sub(
        lambda found: found[1] + found[2].replace('\\"', '"').replace('"', '\\"'), text
    )


def _with_value(found: re.Match[str]) -> str:
    """A value that is no JSON: what Python or a template printed, or an amount as people write it.

    A word alone may be a variable that was not printed: it is nothing.
    """
    if found[1] is not None:
        return found[0]
    value = found[2].strip()
    if _LITERAL.fullmatch(value):
        return found[0]
    if value in ("True", "False"):
        return ":" + value.lower()
    is_amount = value[:1] not in "{$@" and any(map(str.isdigit, value))
    return ":" + (json.dumps(value) if is_amount else "null")


def _kept(found: re.Match[str]) -> str:
    """What a step leaves: its groups. (A template such as r"\\1" takes three times as long.)"""
    return found[found.lastindex] if found.lastindex else ""


def _unwrapped(text: str) -> str:
    for _ in range(8):
        before = text
        prefix = _PREFIXES.match(text)
        if prefix is not None:
            text = text[prefix.end() :]
        text = text.rstrip()
        for suffix in _SUFFIXES:
            text = text.removesuffix(suffix).rstrip()
        if text == before:
            break
    return text


def _several(text: str) -> list[Any]:
    documents: list[Any] = []
    start = 0
    while start < len(text) and len(documents) < DOCUMENT_LIMIT:
        try:
            document, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        documents.append(document)
        between = _BETWEEN.match(text, start)
        start = between.end() if between else start
    return documents if len(documents) > 1 else []
