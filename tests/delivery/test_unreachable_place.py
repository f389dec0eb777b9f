"""An outbox's directory that cannot even be looked at: views are sent from memory, none is lost."""

from __future__ import annotations

from pathlib import Path

from tests.shop import TEA, make_shop
from topmail_flask import product_page
from topmail_flask.sandbox import Sandbox


def test_the_first_view_is_not_lost_where_the_place_cannot_be_looked_at(tmp_path: Path) -> None:
    """As for a user without rights on a directory above it: its ``stat`` fails."""
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        config = {
            "TOPMAIL_API_KEY": sandbox.api_key,
            "TOPMAIL_BASE_URL": sandbox.base_url,
            "TOPMAIL_OUTBOX": str(tmp_path / ("x" * 300) / "outbox"),
        }
        shop = make_shop(config, shopper="ann@shop.example")
        shop.app.add_url_rule("/tea", "tea", product_page(lambda: TEA)(lambda: "<p>"))
        shop.get("/tea")
        assert shop.topmail.flush(10, shop.app)
        assert len(sandbox.views) == 1
        shop.app.extensions["topmail"].core.delivery.close()
