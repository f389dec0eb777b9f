"""A page stays as it was: bytes, headers, streams (house, decision 5)."""

from __future__ import annotations

import gzip
from typing import Any

from flask import Flask, Response, render_template_string, send_file

from tests.shop import TEA, make_shop
from tests.test_what_counts import tea_shop


def test_streams_files_and_compressed_pages_are_left_alone() -> None:  # F115, F117, F118
    shop = make_shop()
    pulled = []

    def chunks() -> Any:
        for number in range(3):
            pulled.append(number)
            yield f"<p>{number}"

    packed = gzip.compress(b"<p>" * 100)
    answers = {
        "stream": lambda: Response(chunks(), mimetype="text/html"),
        "file": lambda: send_file(__file__, mimetype="text/html"),
        "gzip": lambda: Response(packed, headers={"Content-Encoding": "gzip"}),
        "br": lambda: Response(b"\x01", headers={"Content-Encoding": "br"}),
    }
    for name, answer in answers.items():
        shop.app.add_url_rule(f"/{name}", name, answer)

    response = shop.app.test_client().get("/stream", buffered=False)
    assert len(pulled) <= 1
    assert response.get_data() == b"<p>0<p>1<p>2"
    with shop.get("/file") as file:
        assert file.get_data().startswith(b'"""A page stays as it was')
    assert shop.get("/gzip").get_data() == packed
    shop.get("/br")
    assert shop.reasons == {"no_body": 2, "no_product": 1, "encoded": 1}


def test_the_debug_header_tells_the_decision() -> None:
    shop = tea_shop({"TOPMAIL_DEBUG_HEADER": True})
    quiet = tea_shop()
    assert shop.get("/tea").headers["X-TopMail"] == "none; reason=anonymous; product=tea-1"
    assert shop.get("/missing").headers["X-TopMail"] == "none; reason=status"
    assert "X-TopMail" not in quiet.get("/tea").headers


def test_a_cacheable_page_stays_byte_for_byte_as_it_was() -> None:  # F128
    def page(app: Flask) -> Flask:
        app.secret_key = "x"
        app.add_url_rule("/", "p", lambda: render_template_string("<p>{{ product }}", product=TEA))
        return app

    bare = page(Flask("shop")).test_client().get("/")
    shop = make_shop()
    tracked = page(shop.app).test_client().get("/")
    assert tracked.headers.to_wsgi_list() == bare.headers.to_wsgi_list()
    assert tracked.data == bare.data
    assert shop.looked_at == ["tea-1"]
