"""A page's bytes as they were before compression."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from topmail_flask.model.reasons import Reason

# What compresses in the shop also unpacks: Flask-Compress brings these, for itself.
_PACKAGES = {
    "br": ("brotli", "brotlicffi"),
    "zstd": ("compression.zstd", "backports.zstd", "zstandard"),
}
_GZIP_OR_ZLIB = 47
_RAW_DEFLATE = -15  # as some servers send it


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
        return _unpack_gzip, _unpack_deflate
    for name in _PACKAGES.get(coding, ()):
        try:
            package: Any = import_module(name)
        except ImportError:
            continue
        unpack = _brotli(package) if coding == "br" else _zstandard(package)
        return (unpack,)
    return ()


def _unpack_gzip(body: bytes, most: int) -> bytes:
    return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, most)


def _unpack_deflate(body: bytes, most: int) -> bytes:
    return zlib.decompressobj(_RAW_DEFLATE).decompress(body, most)


def _brotli(package: Any) -> Callable[[bytes, int], bytes]:
    def unpack(body: bytes, most: int) -> bytes:
        unpacker = package.Decompressor()
        try:
            page: bytes = unpacker.process(body, output_buffer_limit=most)
        except TypeError:  # before version 1.2 there was no limit
            page = unpacker.process(body)
        return page

    return unpack


def _zstandard(package: Any) -> Callable[[bytes, int], bytes]:
    def unpack(body: bytes, most: int) -> bytes:
        unpacker = package.ZstdDecompressor()
        if hasattr(unpacker, "stream_reader"):
            page: bytes = unpacker.stream_reader(body).read(most)
        else:
            page = unpacker.decompress(body, max_length=most)
        return page

    return unpack
