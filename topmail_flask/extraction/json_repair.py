"""JSON as it stands in real pages: read it, or mend what can be mended without guessing (rule R8).

Every step is a fixed number of passes through the text that never go back, so that a hostile block
costs linear time; blocks beyond 64 KB are read as they are or not at all.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

REPAIR_LIMIT = 64 * 1024
DOCUMENT_LIMIT = 20
_DIGIT_LIMIT = 400
_TOKEN_LIMIT = 8_000
_PREFIXES = re.compile(
    r"\s*(?:<!--+(?:/?/-->)?|(?://\s*|/\*\s*)?<!\[CDATA\[(?:\s*\*/|//><!--)?|//-->|\ufeff)\s*",
    re.IGNORECASE,
)
_SUFFIXES = (";", "-->", "]]>", "//", "*/", "/*", "//--><!", "<!")
_QUOTE_REFERENCE = re.compile(r"&(?:quot|#0*34|#x0*22);", re.IGNORECASE)
_STRING = r'("(?:[^"\\]++|\\.)*+(?:"|\Z))'
_COMMENT = re.compile(
    _STRING + r"|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)|;|[\u00a0\u200b-\u200f\u2060\ufeff]",
    re.DOTALL,
)
_COMMA_RUN = re.compile(_STRING + r"|(,)[\s,]*+", re.DOTALL)
_LEADING_COMMA = re.compile(_STRING + r"|([\[{])[\s,]++", re.DOTALL)
_TRAILING_COMMA = re.compile(_STRING + r"|,(?=[}\]]|\Z)", re.DOTALL)
_LONE_BACKSLASH = re.compile(r'\\(?!["/bfnrt]|u[0-9a-fA-F]{4})')
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


_DECODER = json.JSONDecoder(strict=False, parse_int=_whole, parse_constant=_nothing)


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
    except ValueError as error:
        place = _place(error)
    if len(text) > REPAIR_LIMIT or sum(map(text.count, '",;/')) > _TOKEN_LIMIT:
        raise BrokenJsonError(place)
    for step, mended in _ladder(text):
        try:
            return [_DECODER.decode(mended)], step
        except RecursionError:
            break
        except ValueError:
            text = mended
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
    text = _COMMENT.sub(_kept, text)
    text = _LEADING_COMMA.sub(_kept, _COMMA_RUN.sub(_kept, text))
    text = _TRAILING_COMMA.sub(_kept, text).strip()
    yield "comments and commas", text
    if "\\" in text:
        text = _LONE_BACKSLASH.sub(r"\\\\", text.replace("\\\\", "\0")).replace("\0", "\\\\")
        yield "backslash", text


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
    while start < len(text):
        try:
            document, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        documents.append(document)
        between = _BETWEEN.match(text, start)
        start = between.end() if between else start
        if len(documents) == DOCUMENT_LIMIT:
            break
    return documents if len(documents) > 1 else []


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return "is no JSON"
