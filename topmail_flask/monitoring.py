"""Health and metrics over HTTP, for a store that registers them::

    from topmail_flask.monitoring import monitoring

    app.register_blueprint(monitoring, url_prefix="/internal/topmail")

``/healthz`` answers JSON, with status 503 when there is something to do: made for alerts, not for a
load balancer, because the store itself is well. ``/metrics`` answers in Prometheus' format and
needs ``pip install topmail-flask[prometheus]``. Both tell counts only, nothing about a shopper; yet
they tell how busy the store is: keep them behind its proxy.

All processes of a machine give the same answers, because they are read from the outbox: no
multi-process mode is needed, and one process scraped is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from topmail_flask.core import Core, core_of
from topmail_flask.model.ledger import Health, Stats

if TYPE_CHECKING:
    from prometheus_client import Metric

monitoring = Blueprint("topmail_monitoring", __name__)
_ENDS = ("delivered", "dead", "expired", "dropped")


@monitoring.get("/healthz")
def healthz() -> tuple[dict[str, Any], int]:
    """Whether views reach TopMail, why not, and counts; times in seconds since the epoch."""
    core = core_of()
    health, stats = core.health(), core.delivery.stats()
    counts = {name: getattr(stats, name) for name in ("accepted", *_ENDS, "pending")}
    return {"ok": health.ok, **asdict(health), **counts}, 200 if health.ok else 503


@monitoring.get("/metrics")
def metrics() -> Response:
    """The same in Prometheus' text format, or in OpenMetrics where that is asked for."""
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415  # an extra
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415
    except ImportError:
        fix = "Metrics need prometheus_client: pip install topmail-flask[prometheus]\n"
        return Response(fix, 501, mimetype="text/plain")
    registry = CollectorRegistry()
    registry.register(_OutboxCollector(core_of()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


class _OutboxCollector:
    """Reads the outbox whenever Prometheus asks."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        yield from _of_stats(self._core.delivery.stats())
        yield from _of_health(self._core.health())


def _of_stats(stats: Stats) -> Iterator[Metric]:
    from prometheus_client.core import (  # noqa: PLC0415
        CounterMetricFamily,
        GaugeMetricFamily,
    )

    yield CounterMetricFamily(
        "topmail_views_accepted", "Views handed over for delivery.", stats.accepted
    )
    # Gauges: a dead letter that is sent again is one no more.
    ends = GaugeMetricFamily(
        "topmail_views", "Accepted views by what became of them.", labels=["end"]
    )
    for end in (*_ENDS, "pending"):
        ends.add_metric([end], getattr(stats, end))
    yield ends
    reasons = GaugeMetricFamily(
        "topmail_views_not_sent", "Accepted views that were not sent, by reason.", labels=["reason"]
    )
    for reason, count in sorted(stats.reasons.items()):
        reasons.add_metric([reason], count)
    yield reasons


def _of_health(health: Health) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    yield GaugeMetricFamily("topmail_ok", "1: there is nothing for anybody to do.", health.ok)
    state = GaugeMetricFamily("topmail_state", "The state of delivery, 1 always.", labels=["state"])
    state.add_metric([health.state], 1)
    yield state
    yield GaugeMetricFamily(
        "topmail_oldest_pending_seconds",
        "Age of the view that waits longest; 0: none waits.",
        health.oldest_pending or 0.0,
    )
    yield GaugeMetricFamily(
        "topmail_last_delivery_timestamp_seconds",
        "When TopMail last took a view; 0: never.",
        health.last_success or 0.0,
    )
    yield GaugeMetricFamily(
        "topmail_paused_until_timestamp_seconds",
        "When a pause of all calls ends; 0: there is none.",
        health.until or 0.0,
    )
