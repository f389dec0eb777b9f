"""The product of Google Analytics' ``view_item`` event, as a page's own script hands it over.

Only literals are read: what a script computes, or takes from its variables, is not known here.
"""

from __future__ import annotations

import re
from typing import Any

from topmail_flask.extraction.document import Document
from topmail_flask.extraction.schema_org import Node

_EVENT = re.compile(r"""["']view_item["']""")
_CALL = re.compile(r"""\(\s*["']event["']\s*,\s*\Z""")
_PUSH = re.compile(r"(?:push\s*\(|dataLayer\s*=\s*\[)\s*(?=\{)")
_COMMA = re.compile(r"\s*,\s*(?=\{)")
_WORD = re.compile(
    r"""\s++|//[^\n]*+|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|-?\d++(?:\.\d++)?|[A-Za-z_$][\w$]*+|.""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS = {"true": True, "false": False}
_SCRIPT_LIMIT = 64 * 1024
_EVENT_LIMIT = 5
_WORD_LIMIT = 5_000
_DEPTH_LIMIT = 16


def mentions(document: Document) -> bool:
    """Whether the page has the event's name anywhere."""
    return document.html.rfind(b"view_item") >= 0


def read(document: Document) -> list[Node]:
    """The item that the page's events show, if all of them show the same one."""
    items: list[dict[str, Any]] = []
    for script in document.tree.css("script:not([src])"):
        text = script.text()[:_SCRIPT_LIMIT]
        for found in list(_EVENT.finditer(text))[:_EVENT_LIMIT]:
            items += _items(_parameters(text, found))
    nodes = [_node(item) for item in items]
    return nodes[:1] if nodes and len({str(node["sku"]) for node in nodes}) == 1 else []


def _parameters(text: str, event: re.Match[str]) -> Any:
    """What an event hands over: with ``gtag`` behind its name, in ``dataLayer`` around it."""
    if _CALL.search(text, max(0, event.start() - 40), event.start()):
        start = _COMMA.match(text, event.end())
        return _Literals(text, start.end()).value() if start else None
    starts = [push.end() for push in _PUSH.finditer(text, 0, event.start())]
    pushed = _Literals(text, starts[-1]).value() if starts else None
    if not isinstance(pushed, dict) or pushed.get("event") != "view_item":
        return None
    return pushed.get("ecommerce", pushed)


def _items(parameters: Any) -> list[dict[str, Any]]:
    if not isinstance(parameters, dict) or not isinstance(parameters.get("items"), list):
        return []
    shared = {"currency": parameters.get("currency")}
    if len(parameters["items"]) == 1:
        shared["price"] = parameters.get("value")
    items = [item for item in parameters["items"] if isinstance(item, dict)]
    return [
        shared | {name: value for name, value in item.items() if value is not None}
        for item in items
    ]


def _node(item: dict[str, Any]) -> Node:
    names = ("item_category", *(f"item_category{n}" for n in range(2, 6)))
    categories = [item[name] for name in names if isinstance(item.get(name), str) and item[name]]
    return {
        "@type": "Product",
        "name": item.get("item_name") or item.get("name"),
        "sku": item.get("item_id") or item.get("id"),
        "brand": item.get("item_brand") or item.get("brand"),
        "category": " > ".join(categories) or item.get("category"),
        "offers": {"price": item.get("price"), "priceCurrency": item.get("currency")},
    }


class _Literals:
    """Reader of JavaScript's literals from one place of a script on; anything else is None."""

    def __init__(self, text: str, start: int) -> None:
        found = _WORD.finditer(text, start)
        self._words = [
            word[0]
            for word, _ in zip(found, range(_WORD_LIMIT), strict=False)
            if not (word[0].isspace() or word[0].startswith("//"))
        ]
        self._at = 0

    def value(self, depth: int = 0) -> Any:
        word = self._next()
        value: Any = None
        if word in ("{", "[") and depth < _DEPTH_LIMIT:
            value = self._object(depth) if word == "{" else self._array(depth)
        elif word[:1] in ("'", '"') and len(word) > 1:
            value = _unquoted(word)
        elif word[:1].isdigit() or (word[:1] == "-" and len(word) > 1):
            value = word  # as it stands there, like a price in JSON
        else:
            value = _CONSTANTS.get(word)
            if word in ("(", "{", "["):
                self._at -= 1
        return value if self._ends() else self._skip()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (word := self._next()) not in ("}", ""):
            name = _unquoted(word) if word[:1] in ("'", '"') else word
            if word == ",":
                continue
            if self._peek() == ":":
                self._next()
                found[name] = self.value(depth + 1)
            else:
                self._skip()
        return found

    def _array(self, depth: int) -> list[Any]:
        found = []
        while self._peek() not in ("]", ""):
            if self._peek() == ",":
                self._next()
            else:
                found.append(self.value(depth + 1))
        self._next()
        return found

    def _ends(self) -> bool:
        return self._peek() in (",", "}", "]", ")", ";", "")

    def _skip(self) -> None:
        """Pass by the rest of an expression."""
        depth = 0
        while self._at < len(self._words):
            word = self._peek()
            if depth == 0 and word in (",", "}", "]", ")"):
                return
            depth += (word in ("(", "[", "{")) - (word in (")", "]", "}"))
            self._at += 1

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word


def _unquoted(word: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(found[3], found[3])

    return _ESCAPE.sub(plain, word[1:-1]) if "\\" in word else word[1:-1]
