"""What a shop behind the middleware gets: its product views, at the sandbox."""

import threading
from gzip import compress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from tests.wsgi_shop import ANN, BROWSER, PAGE, Shop, Wrap, get, sandbox, wrap
from topmail_flask.extension import TopMail
from topmail_flask.middleware import TopMailMiddleware
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper
from topmail_flask.sandbox import Sandbox
from topmail_flask.signals import product_viewed

__all__ = ["sandbox", "wrap"]  # fixtures


def test_a_product_page_reaches_topmail_with_all_that_it_tells(
    wrap: Wrap, sandbox: Sandbox
) -> None:
    get(wrap(Shop()), "/p/lamp?utm_source=mail")
    [view] = sandbox.wait_for_views(1)
    told = {name: view[name] for name in ("email", "product_id", "product_name", "brand", "price")}
    assert told == {
        "email": ANN,
        "product_id": "lamp-1",
        "product_name": "Café lamp",
        "brand": "Lumière",
        "price": 39.9,
    }
    assert view["product_url"] == "https://shop.example/p/lamp"
    assert view["image_url"] == "https://shop.example/img/lamp.jpg"


@pytest.mark.parametrize(
    ("site", "path", "base", "url"),
    [
        ("https://shop.example", "/p/lamp", "http://localhost", "https://shop.example/p/lamp"),
        ("https://shop.example", "/caf%C3%A9/lamp", "http://evil.example", "/caf%C3%A9/lamp"),
        ("https://shop.example", "/p/lamp", "http://10.0.0.1:8000/store", "/store/p/lamp"),
        ("https://a.example/de", "/p/lamp", "http://10.0.0.1:8000/store", "/de/p/lamp"),
        (None, "/p/lamp", "https://shop.example", "https://shop.example/p/lamp"),
    ],
)
def test_the_product_s_url_is_on_the_shop_s_own_site(
    wrap: Wrap, sandbox: Sandbox, site: str | None, path: str, base: str, url: str
) -> None:
    middleware = wrap(Shop(), site_url=site)
    client = Client(middleware)
    client.set_cookie("user", "ann", domain=base.split("/")[2].split(":", maxsplit=1)[0])
    client.get(path, base_url=base, headers=BROWSER, buffered=True).close()
    [view] = sandbox.wait_for_views(1)
    assert view["product_url"].endswith(url)
    assert "evil" not in view["product_url"]


def test_a_router_that_shifts_the_path_does_not_change_the_url(
    wrap: Wrap, sandbox: Sandbox
) -> None:
    shop = Shop()
    shop.shifts = True
    get(wrap(shop))
    [view] = sandbox.wait_for_views(1)
    assert view["product_url"] == "https://shop.example/p/lamp"


def test_a_compressed_page_is_read_in_a_copy(wrap: Wrap, sandbox: Sandbox) -> None:
    shop = Shop()
    shop.body = compress(PAGE.encode())
    shop.headers = [*shop.headers, ("Content-Encoding", "gzip")]
    get(wrap(shop))
    assert len(sandbox.wait_for_views(1)) == 1


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"consent": lambda _: True}, {"Sec_GPC": "1"}),
        ({"consent": "opt-in"}, {"Klaro": '{"topmail":true}'}),
        ({"consent": lambda _: None}, {}),
        ({"shopper": lambda _: Shopper(email=ANN)}, {}),
        ({"before_send": lambda view: view}, {}),
    ],
)
def test_a_shopper_who_may_be_counted_is(
    wrap: Wrap, sandbox: Sandbox, settings: dict[str, Any], headers: dict[str, str]
) -> None:
    get(wrap(Shop(), **settings), **headers)
    assert sandbox.wait_for_views(1)[0]["email"] == ANN


def test_a_reload_within_the_window_counts_once(wrap: Wrap, sandbox: Sandbox) -> None:
    middleware = wrap(Shop())
    for _ in range(3):
        get(middleware)
    sandbox.wait_for_views(1)
    assert middleware.flush(10)
    assert len(sandbox.views) == 1
    assert middleware.stats().reasons == {"repeat": 2}


def test_the_middleware_is_the_sender_of_the_signals(wrap: Wrap) -> None:
    middleware, another = wrap(Shop()), wrap(Shop())
    looks: list[tuple[ProductView, Shopper | None]] = []

    def looked(sender: object, *, view: ProductView, shopper: Shopper | None, **_: Any) -> None:
        looks.append((view, shopper))

    with product_viewed.connected_to(looked, sender=middleware):
        get(middleware)
        get(another)
    [(view, shopper)] = looks
    assert view.product.id == "lamp-1"
    assert shopper == Shopper(email=ANN)
    assert view.session_id


def test_an_async_receiver_of_the_middleware_runs(wrap: Wrap) -> None:
    seen: list[str] = []

    async def looked(_: object, product: Product, **__: Any) -> None:
        seen.append(product.id)

    middleware = wrap(Shop())
    with product_viewed.connected_to(looked, sender=middleware):
        get(middleware, "/p/lamp")
    assert seen == ["lamp-1"]


def test_a_receiver_that_raises_harms_neither_page_nor_view(wrap: Wrap, sandbox: Sandbox) -> None:
    middleware = wrap(Shop())

    def failing(sender: object, **_: Any) -> None:
        raise LookupError("in a receiver")

    with product_viewed.connected_to(failing, sender=middleware):
        get(middleware)
    assert len(sandbox.wait_for_views(1)) == 1


def test_a_flask_app_that_tells_of_its_pages_itself_is_not_told_of_twice(
    wrap: Wrap, sandbox: Sandbox, tmp_path: Path
) -> None:
    """F123."""
    app = Flask("shop")
    app.config.update(
        TOPMAIL_API_KEY=sandbox.api_key,
        TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_OUTBOX=str(tmp_path / "flask"),
    )
    TopMail(app).shopper_loader(lambda: ANN)
    app.add_url_rule("/p/lamp", view_func=lambda: PAGE, endpoint="lamp")
    inner = wrap(app, shopper=lambda _: ANN)
    outer = wrap(inner, shopper=lambda _: ANN)
    get(outer)
    assert len(sandbox.wait_for_views(1)) == 1
    assert (inner.stats().accepted, outer.stats().accepted) == (0, 0)


@pytest.mark.parametrize("name", ["shopper", "exclude", "product", "before_send"])
def test_what_could_never_be_called_is_an_error_at_start(wrap: Wrap, name: str) -> None:
    def takes_nothing() -> None:
        """As of the extension, whose functions run in a request."""

    for wrong in ("ann@shop.example", takes_nothing):
        with pytest.raises(ConfigurationError, match=rf"TopMailMiddleware\({name}=…\)"):
            wrap(Shop(), **{name: wrong})


def test_a_consent_that_is_a_text_is_no_yes(wrap: Wrap) -> None:
    middleware = wrap(Shop(), consent=lambda _: "no")
    get(middleware, "/p/lamp")
    assert middleware.stats().reasons == {"hook_failed": 1}


def test_a_wrong_setting_is_an_error_at_start_with_a_guess() -> None:
    with pytest.raises(ConfigurationError, match="TOPMAIL_SITE_URL"):
        TopMailMiddleware(Shop(), site_ulr="https://shop.example")
    with pytest.raises(ConfigurationError, match="TOPMAIL_CONSENT"):
        TopMailMiddleware(Shop(), consent="perhaps")


def test_a_middleware_alone_opens_no_file_and_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    threads = threading.active_count()
    TopMailMiddleware(Shop(), api_key="tm_test_" + "a" * 32)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
