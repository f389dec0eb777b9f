"""What a store's tracing gets to see of delivery: nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

from tests.conftest import missing

# In a process of its own: the instrumentations replace functions for good.
PROGRAM = """
import json, threading, warnings
warnings.simplefilter("ignore")
from opentelemetry import trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
URLLib3Instrumentor().instrument()
RequestsInstrumentor().instrument()

import requests
from flask import Flask
from topmail_flask import TopMail, TopMailClient, Shopper
from topmail_flask.sandbox import Sandbox

with Sandbox(contacts=["ann@shop.example"]) as sandbox:
    app = Flask("store")
    app.config.update(
        SECRET_KEY="x", TOPMAIL_API_KEY=sandbox.api_key, TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_OUTBOX=":memory:",
    )
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: "ann@shop.example")

    @app.get("/tea")
    def tea():
        topmail.track({"id": "tea", "name": "Tea", "url": "https://shop.example/tea"})
        return "<title>Tea</title>"

    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    with provider.get_tracer("store").start_as_current_span("GET /tea"):
        assert app.test_client().get("/tea", headers=agent).status_code == 200
    sandbox.wait_for_views(1)
    with TopMailClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        assert client.find_contact("ann@shop.example")
        client.create_contact(Shopper(email="bob@shop.example"))
    requests.get(f"{sandbox.base_url}/contacts")  # of the shop's own: this one is traced
    with app.app_context():
        assert topmail.flush(10)
print(json.dumps([[span.name, *map(str, span.attributes.values())]
                  for span in spans.get_finished_spans()]))
"""


def test_tracing_of_requests_and_urllib3_sees_neither_deliveries_nor_addresses() -> None:
    try:
        metadata.version("opentelemetry-instrumentation-urllib3")
    except metadata.PackageNotFoundError:
        missing("opentelemetry-instrumentation-urllib3")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=False, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    spans = json.loads(done.stdout)
    assert [name for name, *_ in spans] == ["GET /tea", "GET"]
    told = json.dumps(spans)
    assert "shop.example" not in told
    assert "tm_test" not in told
