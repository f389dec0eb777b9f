"""The store that is measured: a product page of 24 KB that takes about 750 us to render."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from flask import Flask, render_template
from flask_login import LoginManager, UserMixin
from jinja2 import DictLoader

from topmail_flask import TopMail

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CONTENT = Path(__file__).parent / "content"
SECRET = "the secret of a store that is measured"


@dataclass(frozen=True)
class Item:
    """A row of the catalogue."""

    id: int
    name: str
    price: float
    image: str
    category: str
    brand: str
    sku: str


class Member(UserMixin):  # type: ignore[misc]
    def __init__(self, number: str) -> None:
        self.id = number
        self.email = f"shopper{number}@example.com"


HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }} · Store</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="canonical" href="{{ canonical }}">
<link rel="stylesheet" href="/static/store.css">{{ structured|safe }}</head><body>
<header><a href="/">Store</a><nav>{% for name in sections %}<a href="/c/{{ name|lower }}">{{ name }}
</a>{% endfor %}</nav><p>{% if greet and current_user.is_authenticated %}Hello
{{ current_user.email }}{% else %}Log in{% endif %}</p></header>
<main><h1>{{ title }}</h1>
"""
PRODUCT = """<p class="price">{{ "%.2f"|format(product.price) }} EUR</p>
<img src="{{ product.image }}" alt="{{ product.name }}">
<dl><dt>Brand</dt><dd>{{ product.brand }}</dd><dt>SKU</dt><dd>{{ product.sku }}</dd></dl>
"""
FOOT = """<section><h2>You may like</h2><ul>
{% for one in related %}<li class="card card--{{ loop.cycle('odd', 'even') }}"
data-at="{{ loop.index }}">
<a href="{{ url_for('show', number=one.id) }}"><img loading="lazy" width="240" height="240"
src="{{ one.image }}" alt="{{ one.name }}"><span class="card__name">{{ one.name|title }}</span>
<span class="card__brand">{{ one.brand|upper }}</span>
<span class="card__price">{{ "%.2f"|format(one.price) }} EUR</span></a></li>
{% endfor %}</ul></section></main><footer>{% for name in sections %}
<a href="/about/{{ name }}">About {{ name }}</a>{% endfor %}<p>All prices with VAT.
Delivery in two to four days.</p></footer>
</body></html>
"""
TEMPLATES = {
    "product.html": HEAD + PRODUCT + FOOT,
    "thing.html": HEAD + PRODUCT.replace("product.", "thing.") + FOOT,
    "listing.html": HEAD + FOOT,
}
SECTIONS = ("Shoes", "Bags", "Coats", "Belts", "Hats", "Socks")


def item(number: int) -> Item:
    return Item(
        id=number,
        name=f"Walking shoe {number}",
        price=49.9 + number % 100,
        image=f"/static/img/shoe-{number}.jpg",
        category="Shoes",
        brand="Fields",
        sku=f"WS-{number}",
    )


RELATED = [item(number) for number in range(1, 73)]


def json_ld(one: Item) -> str:
    told = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": one.name,
        "sku": one.sku,
        "productID": str(one.id),
        "image": f"https://store.example{one.image}",
        "brand": {"@type": "Brand", "name": one.brand},
        "url": f"https://store.example/p/{one.id}",
        "offers": {"@type": "Offer", "price": f"{one.price:.2f}", "priceCurrency": "EUR"},
    }
    return f'<script type="application/ld+json">{json.dumps(told)}</script>'


BREADCRUMBS = (
    '<script type="application/ld+json">{"@context":"https://schema.org","@type":"BreadcrumbList",'
    '"itemListElement":[{"@type":"ListItem","position":1,"name":"Shoes",'
    '"item":"https://store.example/c/shoes"}]}</script>'
)


def make_store(name: str, *, tracked: bool, outbox: Path, **settings: Any) -> Flask:
    """The store, with or without the extension; the rest is the same code."""
    app = Flask(name, static_folder=str(CONTENT), static_url_path="/static")
    app.config.update(SECRET_KEY=SECRET)
    app.jinja_loader = DictLoader(TEMPLATES)
    LoginManager(app).user_loader(Member)
    if tracked:
        app.config.update(
            TOPMAIL_API_KEY="tm_test_0123456789abcdef0123456789abcdef",
            TOPMAIL_BASE_URL="http://127.0.0.1:9",
            TOPMAIL_SITE_URL="https://store.example",
            TOPMAIL_CURRENCY="EUR",
            TOPMAIL_OUTBOX=str(outbox),
            TOPMAIL_DELIVERY="worker",
        )
        app.config.update(settings)
        TopMail(app)

    def page(
        template: str, title: str, structured: str = "", *, greet: bool = True, **told: Any
    ) -> str:
        return render_template(
            template,
            title=title,
            canonical=f"https://store.example/p/{title.rpartition(' ')[2]}",
            structured=structured,
            sections=SECTIONS,
            related=RELATED,
            greet=greet,
            **told,
        )

    @app.get("/p/<int:number>")
    def show(number: int) -> str:
        one = item(number)
        return page("product.html", one.name, product=one)

    @app.get("/quiet/<int:number>")
    def quiet(number: int) -> str:
        one = item(number)
        return page("product.html", one.name, greet=False, product=one)

    @app.get("/described/<int:number>")
    def described(number: int) -> str:
        one = item(number)
        return page("product.html", one.name, json_ld(one), product=one)

    @app.get("/markup/<int:number>")
    def markup(number: int) -> str:
        one = item(number)
        return page("thing.html", one.name, json_ld(one), thing=one)

    @app.get("/c/<name>")
    def listing(name: str) -> str:
        return page("listing.html", name)

    @app.get("/d/<name>")
    def described_listing(name: str) -> str:
        return page("listing.html", name, BREADCRUMBS)

    @app.get("/json")
    def stock() -> dict[str, int]:
        return {"stock": 3}

    return app


def session_cookie(app: Flask, number: int) -> str:
    """The cookie of a shopper who is logged in."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return f"session={serializer.dumps({'_user_id': str(number), '_fresh': True})}"


def environ(path: str, *, agent: str = CHROME, cookie: str | None = None) -> dict[str, Any]:
    """A browser's request as a WSGI server hands it over."""
    asked: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "store.example",
        "HTTP_USER_AGENT": agent,
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_SEC_FETCH_DEST": "document",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    if cookie is not None:
        asked["HTTP_COOKIE"] = f"{cookie}; theme=dark; cart=4711"
    setup_testing_defaults(asked)
    return asked


CATALOGUE, SHOPPERS = 50, 200  # products in demand; all of them are seen before the count begins


def requests_to(app: Flask, path: str, agent: str, *, logged_in: bool) -> Iterator[dict[str, Any]]:
    """Browsers' requests: every shopper looks at every product of the catalogue (``N``), once.

    ``NEW`` is a product that nobody has looked at before.
    """
    unseen = count(10_000)
    cookies = [session_cookie(app, one) if logged_in else None for one in range(SHOPPERS)]
    while True:
        for cookie in cookies:
            asked = environ("", agent=agent, cookie=cookie)
            for number in range(1_000, 1_000 + CATALOGUE):
                fresh = path.replace("NEW", str(next(unseen)))
                yield {**asked, "PATH_INFO": fresh.replace("N", str(number))}


def serve(app: Flask, asked: dict[str, Any]) -> int:
    """One request as a server makes it, to the last byte. Returns the length of the body."""
    told: list[str] = []

    def start_response(status: str, _headers: Any, _error: Any = None) -> Any:
        told.append(status)

    answer = app.wsgi_app(asked, start_response)
    try:
        length = sum(map(len, answer))
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    if not told[0].startswith("200"):
        raise SystemExit(f"{asked['PATH_INFO']}: {told[0]}")
    return length
