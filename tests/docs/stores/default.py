"""The store that the pages of the documentation speak of, unless they bring their own."""

import os

from flask import Flask, abort, render_template_string, session

from topmail_flask import TopMail, product_page

SHELF = {
    "green-tea": {"id": "tea-1", "name": "Green tea", "price": "9.90"},
    "teapot": {"id": "pot-1", "name": "Teapot", "price": "49.00"},
}
PAGE = "<title>{{ product.name }}</title><h1>{{ product.name }}</h1>"

app = Flask(__name__)
app.config.update(
    SECRET_KEY="only for the documentation",
    TOPMAIL_API_KEY=os.environ["TOPMAIL_API_KEY"],
    TOPMAIL_BASE_URL=os.environ["SANDBOX"],
    TOPMAIL_SITE_URL="https://shop.example",
    TOPMAIL_CURRENCY="EUR",
    TOPMAIL_DEBUG_HEADER=True,
)
topmail = TopMail(app)


@topmail.shopper_loader
def shopper() -> str | None:
    return session.get("email")


@app.get("/")
def home() -> str:
    links = "".join(f'<a href="/products/{slug}">{slug}</a>' for slug in SHELF)
    return f"<title>Shop</title>{links}"


@app.get("/products/<slug>")
@product_page
def show(slug: str) -> str:
    return render_template_string(PAGE, product=SHELF.get(slug) or abort(404))


@app.get("/log-in/<email>")
def log_in(email: str) -> str:
    session["email"] = email
    return "<title>Welcome</title>"
