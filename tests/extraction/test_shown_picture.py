"""Where a page shows the picture that an object knows by a file name only."""

from __future__ import annotations

import pytest

from topmail_flask.extraction.named_product import shown_picture


@pytest.mark.parametrize(
    ("page", "name", "address"),
    [
        ('<img src="/static/img/a.jpg">', "a.jpg", "/static/img/a.jpg"),
        ("<img alt=x src=/static/a.jpg>", "a.jpg", "/static/a.jpg"),
        ("<img src='https://cdn.example/a.jpg?v=2'>", "a.jpg", "https://cdn.example/a.jpg?v=2"),
        ('<img data-src="up/a.jpg" src="data:image/gif;base64,R0">', "a.jpg", "up/a.jpg"),
        ('<img srcset="/s/a.jpg 1x, /l/a.jpg 2x">', "a.jpg", "/s/a.jpg"),
        ('<img srcset="/s/b.jpg 1x, /l/a.jpg 2x">', "a.jpg", "/l/a.jpg"),
        ('<meta property="og:image" content="/og/a.jpg">', "a.jpg", "/og/a.jpg"),
        ("<div style=\"background: url('/bg/a.jpg')\">", "a.jpg", "/bg/a.jpg"),
        ('<img src="/static/my%20tea.jpg">', "my tea.jpg", "/static/my%20tea.jpg"),
        ('<img src="/img?f=a.jpg&amp;w=3">', "a.jpg", ""),
        ('<img src="/static/t&amp;e.jpg">', "t&e.jpg", "/static/t&e.jpg"),
        ('<img src="/static/uploads/a.jpg">', "uploads/a.jpg", "/static/uploads/a.jpg"),
        ('<img src="/static/uploads/a.jpg">', "/uploads/a.jpg", "/static/uploads/a.jpg"),
        ('<img src="/static/assam.webp">', "assam", "/static/assam.webp"),
        ('<img src="/static/ba.jpg">', "a.jpg", ""),
        ('<img src="/static/a.jpg.html">', "a.jpg", ""),
        ("<p>/static/a.jpg</p>", "a.jpg", ""),
        ('<script src="/static/assam.js"></script>', "assam", ""),
        ('<a href="/teas/assam">', "assam", ""),
        ('<img src="/static/7.jpg">', "7", ""),
    ],
)
def test_an_address_that_ends_in_the_name_is_the_picture(
    page: str, name: str, address: str
) -> None:
    found, proof = shown_picture(page.encode(), (name,))
    assert found == address
    assert proof in page.encode()
