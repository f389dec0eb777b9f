"""A store with Celery, as Flask's documentation lays it out; told by its environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, Task
from flask import Flask, render_template_string, request

from tests.shop import TEA, TEMPLATE
from topmail_flask import ProductView, TopMail, view_delivered, view_dropped
from topmail_flask.core import core_of

EMAIL = "ann@shop.example"


def celery_init_app(app: Flask) -> Celery:
    class FlaskTask(Task):  # type: ignore[misc]  # Celery is not typed
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


def create_app() -> Flask:
    app = Flask(__name__)
    app.config |= {name: value for name, value in os.environ.items() if name[:8] == "TOPMAIL_"}
    app.config["TOPMAIL_DELIVERY"] = "celery"
    app.config["CELERY"] = json.loads(os.environ["CELERY"])
    topmail = TopMail(app)
    celery_init_app(app)
    topmail.shopper_loader(lambda: request.args.get("as", EMAIL))

    @app.get("/tea/<slug>")
    def tea(slug: str) -> str:
        return render_template_string(TEMPLATE, product=TEA | {"id": slug})

    def tell(word: str, view: ProductView) -> None:
        with Path(os.environ["TOLD"]).open("a") as file:
            file.write(f"{word} {view.product.id} {os.environ.get('NAME')}\n")

    @view_delivered.connect_via(app)
    def delivered(sender: Flask, view: ProductView, **_: object) -> None:
        tell("delivered", view)

    @view_dropped.connect_via(app)
    def dropped(sender: Flask, view: ProductView | None, reason: str, **_: object) -> None:
        if view is not None:
            tell(reason, view)

    return app


if __name__ == "__main__":  # a web process: looks at pages, and ends when all views have left
    from tests.delivery.celery_store import create_app as create

    app = create()
    name, count = sys.argv[1], int(sys.argv[2])
    for number in range(count):
        app.test_client().get(f"/tea/{name}-{number}")
    delivery = core_of(app).delivery
    left = delivery.flush(float(sys.argv[3]))
    print(json.dumps({"left": left, "stats": delivery.stats().delivered}))
