"""Small stores that are not Flask's, to be served by gunicorn with and without the middleware."""

from __future__ import annotations

import json
import os
from typing import Any

from topmail_flask.middleware import TopMailMiddleware

LAMPS = {"lamp-1": ("Desk lamp", "39.90"), "lamp-2": ("Floor lamp", "89.00")}


def product_html(sku: str) -> str:
    """A product page with JSON-LD."""
    name, price = LAMPS[sku]
    offer = {"@type": "Offer", "price": price, "priceCurrency": "EUR"}
    told = {"@context": "https://schema.org", "@type": "Product", "name": name, "sku": sku}
    data = json.dumps({**told, "offers": offer})
    return f"<title>{name}</title><script type='application/ld+json'>{data}</script><h1>{name}</h1>"


def listing_html() -> str:
    """A page of all products."""
    return "".join(product_html(sku) for sku in LAMPS)


def wrapped(app: Any) -> Any:
    """The store as its owner would wrap it; a plain one where the sandbox is not named."""
    if "SANDBOX" not in os.environ:
        return app
    return TopMailMiddleware(
        app,
        api_key=os.environ["SANDBOX_KEY"],
        base_url=os.environ["SANDBOX"],
        outbox=os.environ["OUTBOX"],
        site_url="https://shop.example",
        shopper=lambda environ: environ.get("shop.email"),
    )
