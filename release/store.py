"""The README's store and a local TopMail, with the released package and nothing else."""

from __future__ import annotations

import secrets
from importlib.metadata import version
from pathlib import Path

from flask import Flask, render_template_string

import topmail_flask
from topmail_flask import Shopper, TopMail
from topmail_flask.sandbox import Sandbox

assert "site-packages" in topmail_flask.__file__, topmail_flask.__file__

with Sandbox(contacts=["ann@shop.example"]) as sandbox:
    app = Flask(__name__, instance_path=str(Path.cwd() / "instance"))
    app.config.update(
        SECRET_KEY=secrets.token_hex(),
        TOPMAIL_API_KEY=sandbox.api_key,
        TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_SITE_URL="https://shop.example",
        TOPMAIL_CURRENCY="EUR",
    )
    topmail = TopMail(app)

    @topmail.shopper_loader
    def who() -> Shopper:
        return Shopper(email="ann@shop.example")

    @app.get("/tea")
    def tea() -> str:
        product = {"id": "t-1", "name": "Morning Assam", "price": "8.50"}
        return render_template_string("<h1>{{ product.name }}</h1>", product=product)

    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
    assert app.test_client().get("/tea", headers=browser).status_code == 200
    with app.app_context():
        assert topmail.flush(10), topmail.health()
    [view] = sandbox.wait_for_views(1)
    print(f"topmail-flask {version('topmail-flask')}: one view of {view['product_id']}")
