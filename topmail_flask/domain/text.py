"""Text as it may be sent: clean characters, and cuts that a reader does not trip over."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_WHITESPACE = re.compile(r"\s+")
# Lone surrogates are no text; bidirectional overrides turn the text around that follows them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]"
)
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}


def clean(text: str) -> str:
    """NFC text on one line, without control characters and outer white space (rules R9, R54)."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = _UNWANTED.sub("", text)
    return unicodedata.normalize("NFC", _WHITESPACE.sub(" ", text)).strip()


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut on a word or between two graphemes, with an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    word = head.rfind(" ")
    if word >= limit // 2:
        return head[:word].rstrip(" ,;:-–|/") + ELLIPSIS
    end = limit - 1
    while end > 0 and not _may_cut(text, end):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _may_cut(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d" or unicodedata.combining(after):
        return False
    if 0x1F3FB <= ord(after) <= 0x1F3FF:  # a skin tone belongs to the emoji before it
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        letters = 0
        while letters < at and _is_flag_letter(text[at - 1 - letters]):
            letters += 1
        return letters % 2 == 0
    return unicodedata.category(after) != "Mc"


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF
