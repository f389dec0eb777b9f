"""What each tracker that a shop could pick instead adds to the same request.

``python -m benchmarks.peers [--quick]``. Each stands beside the bare store in processes of its own:
the threads of one would slow the requests of another. Sentry instruments every app of its process, so it is
measured in processes of its own: the bare store before ``sentry_sdk.init`` and after it.

The clock is that of the thread which answers. What a client's own thread sends meanwhile is not in it,
but disturbs the request: so all of them send to the same sink, ours too, as each does by default.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask_login import current_user

from benchmarks import measuring
from benchmarks.browsers import CHROME, requests_to, serve
from benchmarks.request_cost import BLOCK, as_segment_wants_it
from benchmarks.sink import running
from benchmarks.store import Item, make_store

ROUNDS = measuring.sized(240, 60, 4)
PROCESSES = measuring.sized(7, 1, 1)
OTHERS = min(PROCESSES, 3)
"""Processes of those that the goals do not name."""
OURS, OTEL, SEGMENT = "topmail_flask", "OpenTelemetry", "Segment"
OUTSIDE = "topmail_flask, sent by a worker"
HOMES = {OURS: "background", OUTSIDE: "worker"}
OF_SEGMENT, OF_BARE_P99 = 0.5, 1.1
ALONE = ("nothing (block against block)", "Sentry", "Sentry with tracing")
Track = Callable[[str, dict[str, object]], object]


def segment_track(sink: str, stack: ExitStack) -> Track:
    import segment.analytics.client as segment

    client = segment.Client("key", host=sink)
    stack.callback(client.shutdown)
    return lambda who, told: client.track(who, "Product Viewed", told)


def posthog_capture(sink: str, stack: ExitStack) -> Track:
    from posthog import Posthog

    client = Posthog("key", host=sink)
    stack.callback(client.shutdown)
    return lambda who, told: client.capture("Product Viewed", distinct_id=who, properties=told)


def mixpanel_track(sink: str, _: ExitStack) -> Track:
    from mixpanel import BufferedConsumer, Mixpanel

    client = Mixpanel("token", BufferedConsumer(events_url=f"{sink}/track"))
    return lambda who, told: client.track(who, "Product Viewed", told)


def snowplow_track(sink: str, stack: ExitStack) -> Track:
    from snowplow_tracker import AsyncEmitter, SelfDescribing, SelfDescribingJson, Tracker

    at = urlsplit(sink)
    emitter = AsyncEmitter(at.hostname, protocol="http", port=at.port, batch_size=50)
    tracker = Tracker("store", emitter)
    stack.callback(tracker.flush)
    schema = "iglu:com.example/product_view/jsonschema/1-0-0"

    def track(who: str, told: dict[str, object]) -> None:
        tracker.track(SelfDescribing(SelfDescribingJson(schema, {**told, "user": who})))

    return track


def posting(sink: str, _: ExitStack) -> Track:
    import requests

    return lambda who, told: requests.post(
        f"{sink}/track/product-view", json={"email": who, **told}, timeout=5
    )


def instrumented(app: Flask, sink: str, stack: ExitStack) -> Flask:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces")))
    stack.callback(provider.shutdown)
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    return app


TRACKERS: dict[str, Callable[[str, ExitStack], Track]] = {
    SEGMENT: segment_track,
    "PostHog": posthog_capture,
    "Mixpanel (buffered)": mixpanel_track,
    "Snowplow": snowplow_track,
    "requests.post": posting,
}


def asker(app: Flask) -> Callable[[], object]:
    asked = requests_to(app, "/p/N", CHROME, logged_in=True)
    return lambda: serve(app, next(asked))


def of(track: Track) -> Callable[[Item], object]:
    def view(one: Item) -> None:
        if current_user.is_authenticated:
            track(current_user.id, as_segment_wants_it(one))

    return view


def taken(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Of each: p50 and p99 of CPU, p50 and p99 of wall time, in us."""
    cpu = measuring.in_turns(calls, ROUNDS, block=BLOCK)
    wall = measuring.in_turns(calls, ROUNDS, 20, BLOCK, time.perf_counter_ns)
    return {
        name: [
            measuring.quantile(clock[name], share) / 1_000
            for clock in (cpu, wall)
            for share in (0.5, 0.99)
        ]
        for name in calls
    }


def beside(name: str) -> dict[str, list[float]]:
    """One tracker, in a process where no other tracker's threads send meanwhile."""
    with ExitStack() as stack:
        # The store may still write while the place goes.
        temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        place = Path(stack.enter_context(temporary))
        sink = stack.enter_context(running())
        stores = {
            "bare": make_store("bare", tracked=False, outbox=place),
            "bare again": make_store("again", tracked=False, outbox=place),
        }
        if name in HOMES:
            chosen = {"TOPMAIL_BASE_URL": sink, "TOPMAIL_DELIVERY": HOMES[name]}
            stores[name] = make_store("tracked", tracked=True, outbox=place, **chosen)
        elif name == OTEL:
            stores[name] = instrumented(
                make_store("otel", tracked=False, outbox=place), sink, stack
            )
        else:
            peer = of(TRACKERS[name](sink, stack))
            stores[name] = make_store("peer", tracked=False, outbox=place, peer=peer)
        return taken({one: asker(app) for one, app in stores.items()})


def alone(name: str) -> dict[str, list[float]]:
    """The same store before and after Sentry is there."""
    import sentry_sdk

    with running() as sink, tempfile.TemporaryDirectory() as place:
        app = make_store("bare", tracked=False, outbox=Path(place))
        before = taken({"before": asker(app)})
        if name != ALONE[0]:
            sentry_sdk.init(
                f"http://key@{urlsplit(sink).netloc}/1",
                traces_sample_rate=1.0 if name == ALONE[2] else None,
            )
            app = make_store("watched", tracked=False, outbox=Path(place))
        return before | taken({"after": asker(app)})


def main() -> None:
    logging.disable(logging.WARNING)
    if "--once" in sys.argv:
        name = sys.argv[-1]
        print(json.dumps(alone(name) if name in ALONE else beside(name)))
        return
    pairs: dict[str, list[tuple[list[float], list[float]]]] = {"bare again": []}
    for number in range(PROCESSES):
        others = number < OTHERS
        for name in (*HOMES, OTEL, *TRACKERS) if others else (*HOMES, SEGMENT):
            told = measuring.in_fresh_process("benchmarks.peers", name)
            pairs.setdefault(name, []).append((told[name], told["bare"]))
            pairs["bare again"].append((told["bare again"], told["bare"]))
        for name in ALONE if others else ():
            told = measuring.in_fresh_process("benchmarks.peers", name)
            pairs.setdefault(name, []).append((told["after"], told["before"]))
    report(pairs)


def report(pairs: dict[str, list[tuple[list[float], list[float]]]]) -> None:
    segments = measuring.middle([one[0] - bare[0] for one, bare in pairs[SEGMENT]])[0]
    # From one process to the next the baseline differs from itself by so much.
    noise = measuring.middle([abs(one[0] - bare[0]) for one, bare in pairs["bare again"]])[0]
    told_apart = segments > 2 * noise
    rows, kept, bars = [], {}, {}
    for name, told in pairs.items():
        added, spread = measuring.middle([one[0] - bare[0] for one, bare in told])
        tail, tails = measuring.middle([one[1] / bare[1] for one, bare in told])
        wall, _ = measuring.middle([one[2] - bare[2] for one, bare in told])
        wall_tail, _ = measuring.middle([one[3] / bare[3] for one, bare in told])
        kept[name] = {"added_us": added, "spread_us": spread, "of_segment": added / segments,
                      "ratio_p99": tail, "wall_us": wall, "wall_ratio_p99": wall_tail}  # fmt: skip
        share = added / segments if told_apart and abs(added) > noise else measuring.NOISE
        rows.append((name, added, spread, share, tail, wall, wall_tail))
        if name not in ("bare again", ALONE[0]):
            bars[name] = added
        if name == OURS:
            said = "tracked request, of Segment's CPU at p50"
            measuring.judged_share(added, segments, OF_SEGMENT, spread, noise, said)
            again = [one[1] / bare[1] for one, bare in pairs["bare again"]]
            margin = max(tails, abs(measuring.middle(again)[0] - 1), measuring.middle(again)[1])
            measuring.judged(tail, OF_BARE_P99, margin, "tracked request, p99 of the bare page's")
    bare: Any = measuring.middle([bare[0] for _, bare in pairs[OURS]])[0]
    measuring.table(
        f"Added to a tracked request, us, beside a bare page of {bare:.0f} us of CPU",
        [
            "tracker",
            "CPU p50",
            "+-",
            "of Segment's",
            "CPU p99 x bare",
            "wall p50",
            "wall p99 x bare",
        ],
        rows,
    )
    ordered = dict(sorted(bars.items(), key=lambda one: one[1]))
    measuring.note(f"The bare page differs from itself by {noise:.1f} us of CPU at p50.")
    measuring.plot("CPU that each tracker adds to a request", "us at p50", ordered, OURS)
    measuring.write("peers", kept)


if __name__ == "__main__":
    main()
