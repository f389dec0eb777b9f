"""The store that is measured: a product page of 24 KB that takes about 750 us to render."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, render_template
from flask_login import LoginManager, UserMixin
from jinja2 import DictLoader

from topmail_flask import TopMail

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


def make_store(
    name: str,
    *,
    tracked: bool,
    outbox: Path,
    peer: Callable[[Item], object] | None = None,
    **settings: Any,
) -> Flask:
    """The store, with or without the extension; the rest is the same code.

    :param peer: called by each view of a product, as a shop calls another tracker.
    """
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
        if peer is not None:
            peer(one)
        return page("product.html", one.name, product=one)

    @app.get("/quiet/<int:number>")
    def quiet(number: int) -> str:
        one = item(number)
        if peer is not None:
            peer(one)
        return page("product.html", one.name, greet=False, product=one)

    @app.get("/described/<int:number>")
    def described(number: int) -> str:
        one = item(number)
        if peer is not None:
            peer(one)
        return page("product.html", one.name, json_ld(one), product=one)

    @app.get("/markup/<int:number>")
    def markup(number: int) -> str:
        one = item(number)
        if peer is not None:
            peer(one)
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
