"""An outbox that the version before wrote is delivered, whole, by this one.

``fixtures/outbox-of-5692411`` was recorded with that commit, of an app "shop" with the secret
``b"secret"``: two views delivered, two dead letters (p3 rejected, p4 of an unknown contact),
waiting p5 and p6 of ann, p7 of bob (tried once), a purchase of eve, and in the journal of a dead
process p8
of ann and p9 of fay, who has withdrawn consent since.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from pathlib import Path

from tests.delivery.chaos import Chaos
from tests.delivery.simulation import KEY
from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.model.settings import Settings

RECORDED = Path(__file__).parent / "fixtures" / "outbox-of-5692411"
RECORDED_AT = 1_700_000_000.0


def recorded(to: Path) -> Path:
    shutil.copytree(RECORDED, to)
    for path in (to, *to.iterdir()):
        path.chmod(0o700)
    return to


def test_an_outbox_of_the_version_before_is_delivered_with_its_ledger(
    tmp_path: Path, chaos: Chaos
) -> None:
    """F188"""
    settings = Settings(api_key=KEY, base_url=chaos.base_url)  # type: ignore[arg-type]
    begin = time.time()
    shop = Delivery(
        settings,
        Shop("shop", b"secret"),
        recorded(tmp_path / "outbox"),
        clock=lambda: RECORDED_AT + 60 + time.time() - begin,
    )
    with closing(shop) as delivery:
        delivery.resume()
        assert delivery.flush(20)
        stats = delivery.stats()
    assert stats.balanced
    assert (stats.accepted, stats.delivered, stats.dead, stats.dropped) == (10, 7, 2, 1)
    assert stats.reasons == {"rejected": 1, "contact_not_found": 1, "consent_withdrawn": 1}
    sent = [json.loads(call.body) for call in chaos.calls]
    products = [body.get("product_id", body.get("order_id")) for body in sent]
    assert sorted(products) == ["A-1", "p5", "p6", "p7", "p8"]
    assert [product for product in products if product in ("p5", "p6", "p8")] == ["p5", "p6", "p8"]
    assert {body["contact_id"] for body in sent if "contact_id" in body} == {"contact-of-ann"}
