"""For ``celery -A tests.delivery.make_celery worker``, as Flask's documentation lays it out."""

from __future__ import annotations

from tests.delivery.celery_store import create_app

flask_app = create_app()
celery_app = flask_app.extensions["celery"]
