"""A store whose web processes only put; what it is told comes from the environment."""

from __future__ import annotations

import os

from flask import Flask, has_request_context, render_template_string, request

from tests.shop import TEA, TEMPLATE
from topmail_flask import TopMail, view_delivered

EMAIL = "ann@shop.example"


def create_app() -> Flask:
    app = Flask(__name__)
    for name, value in os.environ.items():
        if name.startswith("TOPMAIL_"):
            app.config[name] = value
    app.config.setdefault("TOPMAIL_DELIVERY", "worker")
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: request.args.get("as", EMAIL))

    @app.get("/tea/<slug>")
    def tea(slug: str) -> str:
        return render_template_string(TEMPLATE, product=TEA | {"id": slug})

    kind = os.environ.get("CONSENT")
    if kind == "database":

        @topmail.consent
        def in_the_database() -> bool:
            return os.path.exists(os.environ["AGREED"])

    if kind == "request":

        @topmail.consent
        def in_the_request() -> bool:
            return has_request_context()

    @view_delivered.connect_via(app)
    def delivered(sender: Flask, **_: object) -> None:
        told = os.environ.get("TOLD")
        if told:
            with open(told, "a") as file:
                file.write(f"{os.getpid()} {sender.name}\n")

    return app
