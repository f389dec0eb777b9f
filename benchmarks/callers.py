"""Who delivers a view: this package, and what a shop would use in its place."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from topmail_flask import Product, ProductView, Settings, Shopper
from topmail_flask.delivery.delivery import Delivery, Shop

KEY = "tm_test_0123456789abcdef0123456789abcdef"
Block = Callable[[int], object]


def view(number: int) -> ProductView:
    product = Product(
        id=str(number), name="Walking shoe", url=f"https://store.example/p/{number}",
        image_url="https://store.example/static/shoe.jpg", price=Decimal("49.90"), currency="EUR",
        category="Shoes", brand="Fields", sku=f"WS-{number}",
    )  # fmt: skip
    return ProductView(product, Shopper(email=f"shopper{number % 500}@example.com"))


def body(number: int) -> dict[str, object]:
    """The same view, as a shop's own code would write it."""
    return {
        "email": f"shopper{number % 500}@example.com", "product_id": str(number),
        "product_name": "Walking shoe", "product_url": f"https://store.example/p/{number}",
        "image_url": "https://store.example/static/shoe.jpg", "price": 49.9, "currency": "EUR",
        "category": "Shoes", "brand": "Fields", "sku": f"WS-{number}",
    }  # fmt: skip


@contextmanager
def delivery(sink: str, ca: Path | None = None, **chosen: Any) -> Iterator[Delivery]:
    with tempfile.TemporaryDirectory() as outbox:
        told = {"senders": 4, "rate": 10_000.0, **chosen}
        settings = Settings(
            api_key=KEY,  # type: ignore[arg-type]
            base_url=sink, ca=str(ca) if ca else None, **told,
        )  # fmt: skip
        made = Delivery(settings, Shop("b", b"bench" * 8), Path(outbox))
        try:
            yield made
        finally:
            made.close()


def ours(made: Delivery, start: Iterator[int]) -> Block:
    def block(views: int) -> float:
        """CPU seconds of the request and of this wait, which are not the leader's."""
        begun = time.thread_time()
        for _ in range(views):
            made.accept(view(next(start)))
        if not made.flush(120):
            raise SystemExit(f"not delivered: {made.health()}")
        return time.thread_time() - begun

    return block


def session_block(sink: str, ca: Path | None) -> Block:
    session = requests.Session()
    verify = str(ca) if ca else True  # given with each call: the environment would replace it
    headers = {"Authorization": f"Bearer {KEY}"}

    def block(views: int) -> None:
        for number in range(views):
            session.post(
                f"{sink}/track/product-view",
                json=body(number),
                headers=headers,
                timeout=5,
                verify=verify,
            )

    return block


def floor_block(sink: str, ca: Path | None) -> Block:
    at = urlsplit(sink)
    if ca:
        context = ssl.create_default_context(cafile=ca)
        link: Any = http.client.HTTPSConnection(at.hostname or "", at.port, context=context)
    else:
        link = http.client.HTTPConnection(at.hostname or "", at.port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}

    def block(views: int) -> None:
        for number in range(views):
            link.request("POST", "/track/product-view", json.dumps(body(number)), headers)
            link.getresponse().read()

    return block


def segment_block(sink: str, at_once: int) -> Block:
    import segment.analytics.client as segment

    client = segment.Client("key", host=sink, upload_size=at_once, upload_interval=0.05)

    def block(views: int) -> None:
        for number in range(views):
            client.track(str(number), "Product Viewed", body(number))
        client.flush()

    return block


def posthog_block(sink: str, at_once: int) -> Block:
    from posthog import Posthog

    client = Posthog("key", host=sink, flush_at=at_once, flush_interval=0.05)

    def block(views: int) -> None:
        for number in range(views):
            client.capture("Product Viewed", distinct_id=str(number), properties=body(number))
        client.flush()

    return block


def blocks(stack: ExitStack, sink: str, secure: str, ca: Path) -> dict[str, Block]:
    numbers = iter(range(10**9))
    made = {
        "topmail_flask, 1 sender": delivery(sink, senders=1),
        "topmail_flask, 4 senders": delivery(sink),
        "topmail_flask, 1 sender, TLS": delivery(secure, ca, senders=1),
        "topmail_flask, 4 senders, TLS": delivery(secure, ca),
    }
    found = {name: ours(stack.enter_context(one), numbers) for name, one in made.items()}
    return found | {
        "requests.Session": session_block(sink, None),
        "requests.Session again": session_block(sink, None),
        "requests.Session, TLS": session_block(secure, ca),
        "http.client": floor_block(sink, None),
        "http.client, TLS": floor_block(secure, ca),
        "Segment, 1 event a call": segment_block(sink, 1),
        "Segment, 100 events a call": segment_block(sink, 100),
        "PostHog, 1 event a call": posthog_block(sink, 1),
        "PostHog, 100 events a call": posthog_block(sink, 100),
    }
