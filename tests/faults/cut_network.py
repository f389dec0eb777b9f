"""A store and its TopMail in a network of their own, which is cut while a call is under way.

Run by ``test_packet_loss`` within ``unshare --net``; prints what became of the views as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from flask import render_template_string

from tests.shop import TEA, TEMPLATE, make_shop
from topmail_flask.sandbox import Sandbox

VIEWS = 8
CUSTOMER = "ann@shop.example"


def loopback(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def main(directory: Path) -> None:
    loopback("up")
    with Sandbox(contacts=[CUSTOMER]) as sandbox:
        shop = make_shop(
            {
                "TOPMAIL_API_KEY": sandbox.api_key,
                "TOPMAIL_BASE_URL": sandbox.base_url,
                "TOPMAIL_OUTBOX": str(directory),
                "TOPMAIL_TIMEOUT": (0.5, 1.0),
                "TOPMAIL_SHUTDOWN_TIMEOUT": 0.2,
            },
            shopper=CUSTOMER,
        )

        @shop.app.get("/tea/<name>")
        def tea(name: str) -> str:
            return render_template_string(TEMPLATE, product=TEA | {"id": name})

        sandbox.inject_faults(latency_ms=700)
        client = shop.app.test_client()
        for number in range(VIEWS):
            client.get(f"/tea/t{number}")
        sandbox.wait_for_requests(1, 20)
        loopback("down")  # every packet is lost, those of the calls under way first
        with shop.app.app_context():
            assert not shop.topmail.flush(4), "the network was not cut"
            cut = shop.topmail.stats().pending
            sandbox.inject_faults()
            loopback("up")
            arrived = shop.topmail.flush(60)
            stats = shop.topmail.stats()
        print(
            json.dumps(
                {
                    "waited_while_cut": cut,
                    "all_left": arrived,
                    "recorded": sorted(view["product_id"] for view in sandbox.views),
                    "keys": len({request.idempotency_key for request in sandbox.requests}),
                    "delivered": stats.delivered,
                    "pending": stats.pending,
                }
            )
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
