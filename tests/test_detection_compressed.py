"""Pages that the shop compresses itself, read whatever the order of its extensions."""

from __future__ import annotations

import zlib
from importlib import import_module

import pytest
from flask import Flask
from flask_compress import Compress

from topmail_flask import Product, TopMail, product_viewed
from topmail_flask.extraction.encodings import readable
from topmail_flask.model.reasons import Reason

PAGE = (
    "<title>Green tea</title>"
    + "<p>Tea</p>" * 500
    + """<script type="application/ld+json">{"@type": "Product", "name": "Green tea", "sku": "T1",
    "offers": {"price": "9.90", "priceCurrency": "EUR"}}</script>"""
)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate"])
@pytest.mark.parametrize("compressed_first", [True, False])
def test_a_compressed_page_tells_its_product(coding: str, compressed_first: bool) -> None:
    app = Flask("shop")
    app.config["TOPMAIL_OUTBOX"] = ":memory:"
    extensions = [Compress, TopMail]
    for extension in extensions if compressed_first else reversed(extensions):
        extension(app)
    seen: list[str] = []

    def looked(sender: Flask, *, product: Product, **_: object) -> None:
        seen.append(product.id)

    product_viewed.connect(looked, app)
    app.add_url_rule("/tea", view_func=lambda: PAGE)
    answer = app.test_client().get("/tea", headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert len(answer.data) < len(PAGE) / 4
    assert seen == ["T1"]


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate"])
def test_a_body_that_is_not_in_its_coding_is_not_read(coding: str) -> None:
    assert readable(b"<p>plain</p>", coding, 1_000) == (None, Reason.ENCODED)
    assert readable(b"\x01", coding, 1_000) == (None, Reason.ENCODED)
    assert readable(b"<p>plain</p>", "compress", 1_000) == (None, Reason.ENCODED)


def test_no_more_is_unpacked_than_may_be_read() -> None:
    brotli = import_module("brotli")  # which Flask-Compress brings
    bombs = {"br": brotli.compress(bytes(50_000_000)), "deflate": zlib.compress(bytes(50_000_000))}
    for coding, bomb in bombs.items():
        assert readable(bomb, coding, 100_000) == (None, Reason.TOO_LARGE)
