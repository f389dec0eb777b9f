"""A page's bytes as they were before compression."""

from __future__ import annotations

import zlib

from topmail_flask.domain.reasons import Reason


def readable(body: bytes, encoding: str | None, limit: int) -> tuple[bytes | None, Reason | None]:
    """``body`` without its Content-Encoding, or why it cannot be read (rule R2).

    :param encoding: value of the Content-Encoding header; gzip and deflate are undone in a copy.
    :param limit: bytes of the page at the most, before and after.
    """
    if len(body) > limit:
        return None, Reason.TOO_LARGE
    coding = (encoding or "identity").strip().lower()
    if coding in ("identity", ""):
        return body, None
    if coding not in ("gzip", "x-gzip", "deflate"):
        return None, Reason.ENCODED
    for window in (47, -15):  # gzip or zlib by their headers; else deflate as some servers send it
        inflater = zlib.decompressobj(window)
        try:
            page = inflater.decompress(body, limit + 1)
        except zlib.error:
            continue
        return (page, None) if len(page) <= limit else (None, Reason.TOO_LARGE)
    return None, Reason.ENCODED
