"""The JSON-LD blocks of a page (rules R5 to R8), found by their bytes.

A block that stands in plain view is cut out of the page without parsing it. Only where a comment,
a ``<noscript>``, a ``<template>`` or another script might hide one, the tree decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topmail_flask.extraction.document import Document
from topmail_flask.extraction.head import attributes
from topmail_flask.extraction.json_repair import BrokenJsonError, read_json
from topmail_flask.extraction.property_names import has_odd_keys, with_usual_keys

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

BLOCK_LIMIT = 20
BYTES_LIMIT = 512 * 1024
_START_TAG = 4_096
_USUAL_START = b'<script type="a'
_USUAL_TAG = b'<script type="application/ld+json">'
_HIDING = (
    (b"<!--", b"-->"),
    (b"<script", b"</script"),
    (b"<noscript", b"</noscript"),
    (b"<template", b"</template"),
    (b"<textarea", b"</textarea"),
)


def read_blocks(
    blocks: list[bytes], document: Document, repairs: list[str]
) -> tuple[list[Any], bool]:
    """The JSON documents of the page's JSON-LD blocks, in their order; equal blocks once.

    And whether any of them has an ``@id``, to which another may refer.

    :param blocks: what :func:`cut_blocks` gave.
    :param repairs: receives what had to be mended. What could not be is a note of the document.
    """
    documents: list[Any] = []
    has_ids = False
    seen = set()
    for number, block in enumerate(blocks, 1):
        text = block.decode("utf-8", "replace").strip()
        if text in seen:
            continue
        seen.add(text)
        has_ids = has_ids or '"@id"' in text or "&quot;@id" in text
        try:
            found, step = read_json(text)
        except BrokenJsonError as error:
            document.notes.append((f"JSON-LD block {number}", error.place))
            continue
        if step:
            repairs.append(f"JSON-LD block {number}: {step}")
        if has_odd_keys(text):
            found = [with_usual_keys(one) for one in found]
        documents += [one for one in found if isinstance(one, (dict, list))]
    return documents, has_ids


def cut_blocks(document: Document) -> list[bytes]:
    """The page's JSON-LD blocks as they stand there, in their order (rule R5)."""
    html = document.html
    blocks: list[bytes] = []
    passed = 0
    for at in document.json_ld:
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
    blocks: list[bytes] = []
    for script in document.tree.css("script[type]"):
        if not _is_json_ld(script.attributes.get("type") or "") or _is_hidden(script):
            continue
        block = script.text().encode("utf-8", "replace")
        if len(block) <= BYTES_LIMIT:
            blocks.append(block)
        if len(blocks) == BLOCK_LIMIT:
            break
    return blocks


def _is_hidden(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag in ("noscript", "template"):
            return True
        parent = parent.parent
    return False
