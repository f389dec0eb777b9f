"""A store that uses every way to integrate, and the same store without the extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask_login
from flask import Flask, Response, jsonify, render_template_string
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup
from werkzeug.test import Client

from topmail_flask import Product, ProductView, TopMail, product_page, product_viewed, view_dropped

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ADDRESS = "ada.lovelace@shop.example"
LAYOUT = "<!doctype html><title>{{ title }}</title>"
TEA = {"id": "tea-1", "name": "Green tea", "price": "9.90", "currency": "EUR", "sku": "T1"}
STRUCTURED = """<!doctype html><link rel="canonical" href="/json-ld">
<meta property="og:type" content="product"><meta property="og:title" content="Green tea">
<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
{"@type": "BreadcrumbList", "itemListElement": [{"@type": "ListItem", "position": 1, "name":
"Teas"}]}, {"@type": "Product", "name": "Green tea", "sku": "tea-2", "brand": {"name": "Leaf"},
"image": "/tea.png", "offers": {"@type": "Offer", "price": "9,90", "priceCurrency": "EUR"}}]}
</script>"""
MICRODATA = """<!doctype html><body><div itemscope itemtype="https://schema.org/Product">
<h1 itemprop="name">Oolong</h1><meta itemprop="sku" content="tea-3"><div itemprop="offers" itemscope
itemtype="https://schema.org/Offer"><span itemprop="price">1.234,50 €</span></div></div>"""


@dataclass
class Tea:
    id: int
    title: str
    price: float


@dataclass
class Cake:
    code: str


@dataclass(frozen=True)
class Answer:
    """What a visitor gets, byte for byte."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class User(flask_login.UserMixin):  # type: ignore[misc]
    id = "1"
    email = ADDRESS
    first_name = "Ada"


def make_store(config: Mapping[str, Any] | None = None) -> tuple[Flask, TopMail | None]:
    """The store; without ``config`` it has never heard of TopMail."""
    app = Flask("tea shop", static_folder=Path(__file__).parent, static_url_path="/static")
    app.secret_key = "a secret of the shop"
    login = flask_login.LoginManager(app)
    login.session_protection = None
    login.user_loader(lambda _: User())
    topmail = None
    if config is not None:
        app.config.update(config)
        topmail = TopMail(app)
        _register_hooks(topmail, app)
    else:
        app.jinja_env.globals["topmail_product"] = lambda product, **_: Markup("")
    _add_pages(app, topmail)
    return app, topmail


def _register_hooks(topmail: TopMail, app: Flask) -> None:
    def looked(sender: object, **_: object) -> None:
        pass

    def changed(view: ProductView) -> ProductView:
        return view

    topmail.consent(lambda shopper: True)
    topmail.exclude(lambda: False)
    topmail.before_send(changed)
    topmail.product_adapter(Cake)(lambda cake: Product(cake.code, "Cake"))
    product_viewed.connect(looked, app, weak=False)
    view_dropped.connect(looked, app, weak=False)


def _add_pages(app: Flask, topmail: TopMail | None) -> None:
    @app.get("/tea/<int:number>")
    @product_page
    def tea(number: int) -> str:
        shown = Tea(number, "Green tea", 9.9)
        return render_template_string(LAYOUT + "{{ product.title }}", product=shown)

    @app.get("/cake")
    def cake() -> str:
        user = flask_login.current_user.get_id()
        return render_template_string(LAYOUT + "{{ user }}", item=Cake("c-1"), user=user)

    @app.get("/api/tea")
    @product_page(lambda: TEA)
    def endpoint() -> Response:
        return jsonify(TEA)

    @app.get("/row")
    @product_page("row", fields={"id": 0, "name": 1, "price": 2})
    def row() -> str:
        return render_template_string(LAYOUT, row=("r-1", "Row", "12,50 €"))

    @app.get("/quick")
    def quick() -> Response:
        if topmail is not None:
            topmail.track(TEA)
            topmail.track({"id": "", "name": "No tea"})
        return jsonify(ok=True)

    @app.get("/thanks")
    def thanks() -> str:
        if topmail is not None:
            topmail.track_purchase("A-7", revenue="9.90", currency="EUR")
            topmail.track_purchase("A-8", shopper=ADDRESS)
            topmail.track_purchase("")
        return LAYOUT

    @app.get("/call")
    def call() -> str:
        text = LAYOUT + "[{{ topmail_product(tea, id='sku') }}]"
        return render_template_string(text, tea=TEA)

    @app.get("/stream")
    def stream() -> Response:
        def chunks() -> Iterator[str]:
            for number in range(3):
                yield f"<p>{number}"

        return Response(chunks(), mimetype="text/html")

    @app.get("/broken")
    def broken() -> str:
        raise LookupError("the shop's own bug")

    for name, text in {"json-ld": STRUCTURED, "microdata": MICRODATA, "": "<p>front"}.items():
        app.add_url_rule(f"/{name}", name or "front", lambda text=text: text)


PATHS = (
    *("/tea/7", "/cake", "/api/tea", "/row", "/quick", "/call", "/stream", "/broken"),
    "/thanks",
    *("/json-ld", "/microdata", "/", "/missing", "/static/store.py"),
)


def logged_in_cookie(app: Flask) -> str:
    """The cookie of a shopper who is logged in; always the same one."""
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    return f"session={signer.dumps({'_user_id': '1', '_fresh': True})}"


REQUESTS = (*PATHS, "anonymous", "post", "head")


def answer(app: WSGIApplication, cookie: str, request: str) -> Answer:
    """What a shopper who is logged in gets on a page; or what others get."""
    client = Client(app, use_cookies=False)
    if request in PATHS:
        how = {"HTTP_COOKIE": cookie, "HTTP_USER_AGENT": "Firefox/140.0"}
        response = client.get(request, environ_overrides=how, buffered=True)
    elif request == "anonymous":
        response = client.get("/tea/7", buffered=True)
    else:
        response = client.open("/tea/7", method=request.upper(), buffered=True)
    headers = tuple((name, value) for name, value in response.headers if name != "Date")
    return Answer(response.status, headers, response.data)
