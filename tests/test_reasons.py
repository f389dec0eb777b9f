"""Every reason in the closed list is produced by something that happens to a shop."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Response, g, jsonify, render_template_string

from tests.beacon.visitor import show, tag_of_age
from tests.delivery import chaos as acts
from tests.delivery.simulation import world
from tests.faults.injection import failing
from tests.scene import ADDRESS, Scene, ask, bought
from tests.shop import TEA
from topmail_flask import ProductView, Reason, product_page
from topmail_flask.rules.robots import robot_kind
from topmail_flask.sandbox import Sandbox

PRODUCT = """<script type="application/ld+json">{"@context": "https://schema.org", "@type":
"Product", "name": "Tea", "sku": "x-1"}</script>"""
LIST = """<script type="application/ld+json">{"@context": "https://schema.org", "@type": "ItemList",
"itemListElement": [{"@type": "Product", "name": "A", "sku": "a", "url": "/a"},
{"@type": "Product", "name": "B", "sku": "b", "url": "/b"}]}</script>"""


def visit(page: object = None, path: str = "/tea", **how: Any) -> Callable[[Scene], object]:
    return lambda scene: scene.shop(page=page).get(path, **how)


def configured(**config: Any) -> Callable[[Scene], object]:
    return lambda scene: scene.shop(**config).get("/tea")


def marked(product: object) -> Callable[[Scene], object]:
    return visit(product_page(lambda: product)(lambda: "<p>"))


def hooked(name: str, answer: Callable[..., object]) -> Callable[[Scene], object]:
    def scene_of(scene: Scene) -> None:
        shop = scene.shop()
        getattr(shop.topmail, name)(answer)
        shop.get("/tea")

    return scene_of


def two_products() -> str:
    for number in (1, 2):
        render_template_string("x", product={"id": number, "name": "Tea", "price": 1})
    return "<p>"


def shown_at(rule: str) -> Callable[[Scene], object]:
    def scene_of(scene: Scene) -> None:
        shop = scene.shop()
        shop.app.add_url_rule(
            rule, "show", lambda number: render_template_string("x", product={**TEA, "id": number})
        )
        shop.get(rule.replace("<number>", "7"))

    return scene_of


def staff(scene: Scene) -> None:
    shop = scene.shop()

    @shop.app.before_request
    def log_in() -> None:
        g.user = SimpleNamespace(email=ADDRESS, is_admin=True)

    shop.get("/tea")


def front_page(scene: Scene) -> None:
    shop = scene.shop()
    shop.app.add_url_rule("/", "front", lambda: PRODUCT)
    shop.get("/")


def repeat(scene: Scene) -> None:
    shop = scene.shop()
    shop.get("/tea")
    shop.get("/tea")


def with_a_strange_banner(scene: Scene) -> None:
    client = scene.shop().app.test_client()
    client.set_cookie("OptanonConsent", "?")
    client.get("/tea")


def withdrawn(scene: Scene) -> None:
    shop, consents = scene.shop(), True
    shop.topmail.consent(lambda: consents)
    shop.get("/tea")
    consents = False
    shop.get("/tea")
    ask(scene, "drain")


def sent(contact: bool, *script: int) -> Callable[[Scene], object]:
    def scene_of(scene: Scene) -> None:
        if contact:
            scene.sandbox.add_contact(ADDRESS)
        scene.sandbox.inject_faults(script=list(script))
        shop = scene.shop()
        shop.get("/tea")
        ask(scene, "drain")

    return scene_of


def replayed(scene: Scene) -> None:
    """The clock runs here: five attempts take minutes."""
    with world(scene.directory) as shop:
        shop.chaos.answers(500)
        poisoned = shop.look("first@shop.example")
        shop.run(0.1)
        failing, fine = acts.status(500), acts.ok
        shop.chaos.otherwise = lambda call: (failing if call.seen.key == poisoned else fine)(call)
        for number in range(30):
            shop.look(f"shopper{number}@shop.example")
            shop.run(20)
        assert dict(shop.stats.reasons) == {Reason.REPLAYED_ERROR: 1}
    told = scene.shop()
    told.refusals += [(None, reason) for reason in shop.stats.reasons]


def expired(scene: Scene) -> None:
    shop = scene.shop()

    @shop.topmail.before_send
    def of_yesterday(view: ProductView) -> ProductView:
        return dataclasses.replace(view, viewed_at=time.time() - 90_000)

    shop.get("/tea")
    ask(scene, "drain")


def superseded(scene: Scene) -> None:
    shop = scene.shop(repeat_window=0)

    @shop.topmail.before_send
    def of_an_hour_ago(view: ProductView) -> ProductView:
        return dataclasses.replace(view, viewed_at=time.time() - 3600)

    for _ in range(21):
        shop.get("/tea")
    ask(scene, "drain", repeat_window=0)


def overflow(scene: Scene) -> None:
    shop = scene.shop(repeat_window=0, max_rows=100)
    for _ in range(101):
        shop.get("/tea")
    scene.sandbox.inject_faults(outage=True)
    ask(scene, "drain", "--timeout", "0.5", repeat_window=0, max_rows=100)


def lost(scene: Scene) -> None:
    shop = scene.shop()
    shop.get("/tea")
    scene.sandbox.inject_faults(outage=True)
    ask(scene, "drain", "--timeout", "0.5")
    for file in scene.directory.rglob("outbox.sqlite3*"):
        file.unlink()
    ask(scene, "drain", "--timeout", "0.5")


def torn(scene: Scene) -> None:
    shop = scene.shop(repeat_window=0)
    for _ in range(3):
        shop.get("/tea")
    (journal,) = scene.directory.rglob("*.journal")
    line = journal.read_bytes()
    journal.write_bytes(line.replace(b"Green tea", b"Brown tea", 1))
    ask(scene, "drain")


def damaged_row(scene: Scene) -> None:
    shop = scene.shop()
    shop.get("/tea")
    scene.sandbox.inject_faults(outage=True)
    ask(scene, "drain", "--timeout", "0.5")
    (file,) = scene.directory.rglob("*.sqlite3")
    with closing(sqlite3.connect(file)) as books, books:
        books.execute("UPDATE waiting SET line = x'7b7d', tried = 0, due = 0")
    books.close()
    ask(scene, "drain", "--timeout", "0.5")


def in_memory_only(scene: Scene) -> None:
    scene.sandbox.inject_faults(outage=True)
    shop = scene.shop(outbox=":memory:", delivery="background")
    shop.get("/tea")
    scene.sandbox.wait_for_requests(1)
    shop.app.extensions["topmail"].core.delivery.close()
    assert shop.topmail.stats(shop.app).dropped == 1


def by_hand(*words: str) -> Callable[[Scene], object]:
    def scene_of(scene: Scene) -> None:
        shop = scene.shop()
        shop.get("/tea")
        ask(scene, *words)

    return scene_of


def broken() -> None:
    raise LookupError


def our_own_error(scene: Scene) -> None:
    shop = scene.shop()
    with failing(robot_kind):
        shop.get("/tea")


def beacon(age: float, kind: str = "load") -> Callable[[Scene], object]:
    def scene_of(scene: Scene) -> None:
        shop = scene.shop()
        show(shop.app, tag_of_age(shop, age), kind)

    return scene_of


def triggered(
    *names: str, automation: str = "cart", cancelled: bool = False
) -> Callable[[Scene], object]:
    """The cart's automation is triggered for a shopper, once under each name."""

    def scene_of(scene: Scene) -> None:
        shop = scene.shop(automations={"cart": "flow-7"})
        with shop.app.app_context():
            for name in names:
                after = timedelta(hours=1)
                shop.topmail.trigger(automation, shopper=ADDRESS, once=name, after=after)
            if cancelled:
                shop.topmail.cancel(names[0])
        ask(scene, "drain")

    return scene_of


def page_with_old_beacon(scene: Scene) -> None:
    shop = scene.shop()
    tag = tag_of_age(shop, 60)
    shop.app.view_functions["tea"] = lambda: f'{PRODUCT}<p data-topmail-token="{tag.token}">'
    shop.get("/tea")


SCENES: dict[Reason, Callable[[Scene], object]] = {
    Reason.METHOD: lambda scene: scene.shop().app.test_client().post("/tea"),
    Reason.STATUS: visit(path="/missing"),
    Reason.NOT_HTML: visit(lambda: Response("id,name", mimetype="text/csv")),
    Reason.ATTACHMENT: visit(lambda: Response("x", headers={"Content-Disposition": "attachment"})),
    Reason.PARTIAL: visit(headers={"HX-Request": "true"}),
    Reason.PREFETCH: visit(headers={"Sec-Purpose": "prefetch;prerender"}),
    Reason.CROSS_SITE: visit(headers={"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}),
    Reason.ROBOT: visit(headers={"User-Agent": "Googlebot/2.1"}),
    Reason.EXCLUDED: hooked("exclude", lambda: True),
    Reason.SAMPLED_OUT: configured(sample_rate=0),
    Reason.DISABLED: configured(enabled=False),
    Reason.CONSENT: hooked("consent", lambda: False),
    Reason.CONSENT_UNREADABLE: with_a_strange_banner,
    Reason.PRIVACY_SIGNAL: visit(headers={"Sec-GPC": "1"}),
    Reason.CONSENT_WITHDRAWN: withdrawn,
    Reason.NO_PRODUCT: visit("<p>About us"),
    Reason.NO_BODY: visit(lambda: Response(iter(["<p>"]), mimetype="text/html")),
    Reason.ENCODED: visit(lambda: Response(b"\x01", headers={"Content-Encoding": "br"})),
    Reason.TOO_LARGE: configured(page=PRODUCT, max_page_bytes=10),
    Reason.INCOMPLETE: marked({"id": "1"}),
    Reason.INVALID_PRODUCT: marked({"id": "1\n2", "name": "Tea"}),
    Reason.ID_TOO_LONG: marked({"id": "1" * 101, "name": "Tea"}),
    Reason.AMBIGUOUS: visit(two_products),
    Reason.LISTING: visit(LIST),
    Reason.FRONT_PAGE: front_page,
    Reason.ANONYMOUS: configured(shopper=None),
    Reason.INVALID_SHOPPER: configured(shopper="not an address"),
    Reason.REPEAT: repeat,
    Reason.COUNTED: beacon(0),
    Reason.BEACON: page_with_old_beacon,
    Reason.BEACON_EXPIRED: beacon(8 * 86_400),
    Reason.STAFF: staff,
    Reason.NO_PAGE: visit(product_page(lambda: TEA)(lambda: jsonify(TEA))),
    Reason.BACK_OFFICE: shown_at("/admin/teas/<number>"),
    Reason.BUYING: shown_at("/teas/<number>/buy"),
    Reason.BEACON_REFUSED: beacon(60, "no such kind"),
    Reason.INVALID_PURCHASE: bought(""),
    Reason.INVALID_EVENT: triggered("cart-1", automation="no such name"),
    Reason.KNOWN_NAME: triggered("cart-1", "cart-1"),
    Reason.CANCELLED: triggered("cart-1", cancelled=True),
    Reason.KNOWN_ORDER: bought("A-7", "A-7"),
    Reason.PURCHASED: bought("A-7"),
    Reason.VETOED: hooked("before_send", lambda view: None),
    Reason.HOOK_FAILED: hooked("consent", broken),
    Reason.INTERNAL_ERROR: our_own_error,
    Reason.CONTACT_NOT_FOUND: sent(False),
    Reason.REJECTED: sent(True, 400),
    Reason.REPLAYED_ERROR: replayed,
    Reason.SUPERSEDED: superseded,
    Reason.EXPIRED: expired,
    Reason.OVERFLOW: overflow,
    Reason.LOST: lost,
    Reason.TORN: torn,
    Reason.INVALID_ROW: damaged_row,
    Reason.UNDELIVERED: in_memory_only,
    Reason.FORGOTTEN: by_hand("forget", ADDRESS),
    Reason.REMOVED: by_hand("outbox", "drop", "--pending", "--all", "--yes"),
}


def test_the_table_holds_every_reason() -> None:
    assert set(SCENES) == set(Reason)


@pytest.mark.parametrize("reason", SCENES, ids=str)
def test_every_reason_is_one_that_a_shop_can_be_told(reason: Reason, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with Sandbox() as sandbox:
        scene = Scene(tmp_path, sandbox)
        SCENES[reason](scene)
        told = scene.told()
        for shop in scene.shops:
            shop.app.extensions["topmail"].core.delivery.close()
    assert reason in told
