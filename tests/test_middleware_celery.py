"""The middleware hands its views to a Celery app, and that app's worker sends them."""

from __future__ import annotations

from celery import Celery

from tests.wsgi_shop import ANN, Shop, Wrap, get, sandbox, wrap
from topmail_flask.sandbox import Sandbox

__all__ = ["sandbox", "wrap"]


def test_views_go_over_the_celery_app_that_the_middleware_was_given(
    wrap: Wrap, sandbox: Sandbox
) -> None:
    with Celery("shop", broker="memory://", set_as_current=False) as celery:
        middleware = wrap(Shop(), delivery="celery", celery=celery)
        get(middleware)
        assert middleware.flush(20)
        assert sandbox.requests == []
        with celery.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
            message = queue.get(timeout=5)
            arguments = message.payload[0]
            message.ack()
        celery.tasks["topmail_flask.send"](*arguments)
        assert [view["email"] for view in sandbox.views] == [ANN]


def test_without_a_celery_app_the_middleware_tells_the_fix(wrap: Wrap) -> None:
    middleware = wrap(Shop(), delivery="celery")
    get(middleware)
    middleware.flush(0.5)
    health = middleware.health()
    assert (health.state, health.reason) == ("paused", "no_celery_app")
    assert "TopMailMiddleware(celery=" in health.fix
