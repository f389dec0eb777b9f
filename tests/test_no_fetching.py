"""Nothing that a page, a request or a product names is fetched: TopMail's API alone is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from topmail_flask.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
EVIL = "http://127.0.0.1:9/"
PAGE = f"""<!doctype html><base href="{EVIL}"><link rel="canonical" href="{EVIL}canonical">
<link rel="alternate" type="application/json+oembed" href="{EVIL}oembed">
<meta property="og:image" content="{EVIL}og.png"><meta property="og:url" content="{EVIL}og">
<script type="application/ld+json">{{"@context": "{EVIL}context.jsonld", "@id": "{EVIL}id",
"@type": "Product", "name": "Tea", "sku": "tea-1", "url": "{EVIL}url",
"image": ["{EVIL}image.png", {{"@type": "ImageObject", "contentUrl": "{EVIL}content"}}],
"offers": {{"@type": "Offer", "price": "9", "priceCurrency": "EUR", "url": "{EVIL}offer"}}}}
</script>
<div itemscope itemtype="{EVIL}Product" itemid="{EVIL}itemid"><img itemprop="image" src="x">"""
PROGRAM = """
import json, sys
called = []
def hear(event, about):
    if event == "socket.connect":
        called.append(str(about[1]))
    elif event == "socket.getaddrinfo":
        called.append(f"{about[0]}:{about[1]}")
sys.addaudithook(hear)
from flask import Flask, render_template_string
from topmail_flask import TopMail
page, evil, key, url = json.loads(sys.stdin.read())
app = Flask("shop")
app.config.update(TOPMAIL_API_KEY=key, TOPMAIL_BASE_URL=url, TOPMAIL_OUTBOX=":memory:",
    SECRET_KEY="x", TOPMAIL_CURRENCY="EUR", TOPMAIL_REPEAT_WINDOW=0)
topmail = TopMail(app)
topmail.shopper_loader(lambda: "ann@shop.example")
tea = {"id": "tea-2", "name": "Tea", "price": 9, "url": evil + "a", "image": evil + "b.png"}
app.add_url_rule("/", "home", lambda: page + "<a href=/tea>Tea</a>")
app.add_url_rule("/tea", "tea", lambda: page)
row = "{{ topmail_beacon() }}"
app.add_url_rule("/row", "row", lambda: render_template_string(row, product=tea))
client = app.test_client()
headers = {"Referer": evil, "Origin": evil, "X-Forwarded-Host": "127.0.0.1:9", "User-Agent":
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
for path in ("/tea", "/row"):
    client.get(path, headers=headers)
assert topmail.flush(10, app)
run = app.test_cli_runner().invoke
commands = "inspect /tea", "inspect /row", "doctor --sample /tea", "routes"
for command in map(str.split, commands):
    assert not run(args=["topmail", *command]).exception or command[0] == "doctor"
print(json.dumps(called))
"""


def test_only_topmail_is_called_whatever_a_page_names() -> None:
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        given = [PAGE, EVIL, sandbox.api_key, sandbox.base_url]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            input=json.dumps(given),
            capture_output=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        port = sandbox.base_url.split(":")[2].partition("/")[0]
        called = set(json.loads(done.stdout.splitlines()[-1]))
        assert len(sandbox.views) == 2
    assert called
    assert called <= {f"127.0.0.1:{port}", f"('127.0.0.1', {port})"}
