"""A page's bytes as they were before compression, and in UTF-8."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

from topmail_flask.model.reasons import Reason

# What compresses in the shop also unpacks: Flask-Compress brings these, for itself.
_PACKAGES = {
    "br": ("brotli", "brotlicffi"),
    "zstd": ("compression.zstd", "backports.zstd", "zstandard"),
}
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15  # the second as some servers send it
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META_CHARSET = re.compile(rb"(?i)<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})")
# Browsers look at 1,024 bytes first, and at the rest of the head when they come to it.
_CHARSET_WITHIN = 16 * 1024
# What browsers read under a name (WHATWG), where Python reads less.
_BROWSERS_READ = {
    label: row.split()[0]
    for row in """
    gb18030 gb2312 gb_2312 gb_2312-80 gbk x-gbk chinese csgb2312 iso-ir-58 |
    cp949 euc_kr euc-kr ks_c_5601-1987 ksc5601 korean | cp1252 iso8859-1 latin1 x-cp1252 |
    cp932 shift_jis sjis x-sjis windows-31j ms_kanji | cp1254 iso8859-9 x-cp1254 |
    cp874 iso8859-11 tis-620 dos-874 | big5hkscs big5 big5-hkscs x-x-big5 cn-big5 |
    cp1250 x-cp1250 | cp1251 x-cp1251 | euc_jp x-euc-jp | mac_cyrillic x-mac-cyrillic |
    mac_roman macintosh | iso8859-8 iso-8859-8-i | utf-8 unicode-1-1-utf-8 utf8
    """.split("|")
    for label in row.split()[1:]
}


def readable(body: bytes, encoding: str | None, limit: int) -> tuple[bytes | None, Reason | None]:
    """``body`` without its Content-Encoding, or why it cannot be read (rule R2).

    The page is looked at when the response is final, so what compresses it was here before,
    whatever the order of the extensions. Brotli and Zstandard are undone by the package that the
    shop compresses with; where there is none, the page stays unread (an addition to rule R2).

    :param encoding: value of the Content-Encoding header; what it says is undone in a copy.
    :param limit: bytes of the page at the most, before and after.
    """
    if len(body) > limit:
        return None, Reason.TOO_LARGE
    coding = (encoding or "identity").strip().lower()
    if coding in ("identity", ""):
        return body, None
    for unpack in _ways(coding):
        try:
            page = unpack(body, limit + 1)
        except Exception:  # noqa: BLE001, S112  each package has errors of its own
            continue
        if page or not body:  # else it is the beginning of something
            return (page, None) if len(page) <= limit else (None, Reason.TOO_LARGE)
    return None, Reason.ENCODED


@cache
def _ways(coding: str) -> tuple[Callable[[bytes, int], bytes], ...]:
    """How a content coding can be undone here."""
    if coding in ("gzip", "x-gzip", "deflate"):
        return (
            lambda body, most: zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, most),
            lambda body, most: zlib.decompressobj(_RAW_DEFLATE).decompress(body, most),
        )
    for name in _PACKAGES.get(coding, ()):
        try:
            package: Any = import_module(name)
        except ImportError:
            continue
        return (partial(_unpack_brotli if coding == "br" else _unpack_zstandard, package),)
    return ()


def _unpack_brotli(package: Any, body: bytes, most: int) -> bytes:
    unpacker = package.Decompressor()
    try:
        page: bytes = unpacker.process(body, output_buffer_limit=most)
    except TypeError:  # before version 1.2 there was no limit
        page = unpacker.process(body)
    return page


def _unpack_zstandard(package: Any, body: bytes, most: int) -> bytes:
    unpacker: Any = package.ZstdDecompressor()
    if hasattr(unpacker, "stream_reader"):
        page: bytes = unpacker.stream_reader(body).read(most)
    else:
        page = unpacker.decompress(body, max_length=most)
    return page


def in_utf8(html: bytes | str, charset: str | None = None) -> bytes:
    """The page in UTF-8: by its byte order mark, ``charset``, its ``<meta charset>``, or as it is.

    Bytes that are no text in that character set stay harmless (rule R3).
    """
    if isinstance(html, str):
        return html.encode("utf-8", "replace")
    if charset == "utf-8" and html[:1] == b"<":  # almost every page
        return html
    for mark, name in _BOMS:
        if html.startswith(mark):
            return html.removeprefix(mark) if name == "utf-8" else _recode(html, name)
    if charset is None and html[:4:2] == b"\0\0":
        charset = "utf-16-be"
    elif charset is None and html[1:4:2] == b"\0\0":
        charset = "utf-16-le"
    if charset is None:
        found = _named_charset(html)
        # A page that can be read as ASCII so far as to name UTF-16 is not in UTF-16 (WHATWG).
        charset = found[1].decode("ascii", "replace") if found else None
        if charset is not None and charset.lower().startswith("utf-"):
            return html
    return html if charset is None else _recode(html, charset)


def _named_charset(html: bytes) -> re.Match[bytes] | None:
    at = html.find(b"harset", 0, _CHARSET_WITHIN)  # in any case; what precedes it tells
    if at < 0:
        at = html.find(b"HARSET", 0, _CHARSET_WITHIN)
    start = max(0, html.rfind(b"<", 0, at))
    return None if at < 0 else _META_CHARSET.match(html, start, _CHARSET_WITHIN)


def _recode(html: bytes, charset: str) -> bytes:
    try:
        label = charset.strip(" \t\"'").lower()
        name = codecs.lookup(_BROWSERS_READ.get(label, label)).name
        if name in ("utf-8", "ascii"):
            return html
        name = _BROWSERS_READ.get(name, name)
        return html.decode(name, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError, UnicodeError, AssertionError):
        return html
