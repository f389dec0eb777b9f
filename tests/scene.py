"""A shop, its TopMail, and the commands beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import render_template_string

from tests.shop import TEA, Shop, make_shop
from topmail_flask.sandbox import Sandbox

ADDRESS = "ann@shop.example"


@dataclasses.dataclass
class Scene:
    """A shop and its TopMail."""

    directory: Path
    sandbox: Sandbox
    shops: list[Shop] = dataclasses.field(default_factory=list)

    def shop(self, shopper: str | None = ADDRESS, page: Any = None, **config: Any) -> Shop:
        """A shop whose ``/tea`` shows the tea, or what ``page`` is or makes."""
        chosen = {f"TOPMAIL_{name.upper()}": value for name, value in config.items()}
        shop = make_shop(
            {
                "TOPMAIL_API_KEY": self.sandbox.api_key,
                "TOPMAIL_BASE_URL": self.sandbox.base_url,
                "TOPMAIL_OUTBOX": str(self.directory),
                "TOPMAIL_DELIVERY": "worker",
                "TOPMAIL_SHUTDOWN_TIMEOUT": 0.2,
            }
            | chosen,
            shopper=shopper,
        )
        made = page if callable(page) else lambda: page or render_template_string("x", product=TEA)
        shop.app.add_url_rule("/tea", "tea", made, methods=["GET", "POST"])
        self.shops.append(shop)
        return shop

    def told(self) -> set[str]:
        """The reasons that the shops were told, by signal or in the books."""
        by_signal = {reason for shop in self.shops for _, reason in shop.refusals}
        return by_signal.union(*(shop.reasons for shop in self.shops))


def ask(scene: Scene, *words: str, **config: Any) -> None:
    """``flask topmail …`` beside the shop."""
    beside = scene.shop(**config)
    told = beside.app.test_cli_runner().invoke(args=["topmail", *words])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception


def bought(*orders: str) -> Callable[[Scene], object]:
    """A shopper looks at the tea and then places these orders."""

    def scene_of(scene: Scene) -> None:
        shop = scene.shop()
        shop.get("/tea")
        with shop.app.app_context():
            for order in orders:
                shop.topmail.track_purchase(order, shopper=ADDRESS)
        ask(scene, "drain")

    return scene_of
