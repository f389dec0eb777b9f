"""What a Celery worker does with each answer, and with tasks that are not for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from tests.delivery.brokers import Broker, broker
from tests.delivery.chaos import Chaos, error, status
from tests.delivery.views import EMAIL, view_of
from topmail_flask.delivery import celery as delivery
from topmail_flask.delivery.celery import Account
from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.model.events import ProductView
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt
from topmail_flask.sandbox import Sandbox

KEY = "tm_test_of_the_shop"


@dataclass
class Told:
    ends: list[object] = field(default_factory=list)

    def receivers(self) -> Receivers:
        return Receivers(
            lambda view, receipt: self.ends.append(receipt),
            lambda view, reason: self.ends.append(reason),
        )


def account(chaos: Chaos, now: list[float], **settings: object) -> Account:
    chosen = Settings(api_key=KEY, base_url=chaos.base_url, **settings)  # type: ignore[arg-type]
    return Account(
        "shop-key",
        chosen,
        Told().receivers(),
        dice=lambda: 1.0,
        clock=lambda: 1_000_000.0,
        monotonic=lambda: now[0],
    )


def sent(account: Account, view: ProductView, tries: int = 0) -> Receipt | Reason | Entry | float:
    return account.send(Row(Entry.of(view, identity="someone"), tries, 0.0))


@pytest.mark.parametrize(
    ("answer", "tries", "end"),
    [
        (status(422), 0, Reason.REJECTED),
        (status(413), 0, Reason.REJECTED),
        (error(404, "contact_not_found"), 0, Reason.CONTACT_NOT_FOUND),
        (status(503), 0, 1.0),
        (status(503), 3, 8.0),
        (status(503), 40, 300.0),
        (status(409), 1, 2.0),
        (status(503, ("Retry-After", "20")), 0, 20.0),
        (status(429, ("Retry-After", "30")), 0, 30.0),
        (status(401), 0, 300.0),
    ],
)
def test_an_answer_ends_a_view_or_tells_when_to_try_again(
    chaos: Chaos, answer: object, tries: int, end: object
) -> None:
    chaos.answers(answer)  # type: ignore[arg-type]
    assert sent(account(chaos, [0.0]), view_of("a"), tries) == end


def test_after_a_429_no_view_is_tried_before_the_pause_is_over(chaos: Chaos) -> None:
    now = [0.0]
    worker = account(chaos, now)
    chaos.answers(status(429, ("Retry-After", "30")))
    assert sent(worker, view_of("a")) == 30.0
    assert worker.pause() == 30.0
    now[0] = 30.0
    assert worker.pause() == 0.0
    assert isinstance(sent(worker, view_of("a"), 1), Receipt)


def test_who_is_unknown_is_not_asked_for_again_for_an_hour(chaos: Chaos) -> None:
    now = [0.0]
    worker = account(chaos, now)
    chaos.answers(error(404, "contact_not_found"))
    for _ in range(5):
        assert sent(worker, view_of("a")) is Reason.CONTACT_NOT_FOUND
    assert len(chaos.calls) == 1
    now[0] = 3601.0
    assert isinstance(sent(worker, view_of("a")), Receipt)


def test_an_unknown_contact_is_created_where_the_shop_asks_for_it(chaos: Chaos) -> None:
    chaos.answers(error(404, "contact_not_found"))
    end = sent(account(chaos, [0.0], unknown_contacts="create"), view_of("a"))
    assert isinstance(end, Receipt)
    paths = [call.path.rpartition("v1")[2] for call in chaos.calls]
    assert paths == ["/track/product-view", "/contacts", "/track/product-view"]


def test_a_contact_whose_id_is_not_known_any_more_is_told_by_its_address_under_another_key(
    chaos: Chaos,
) -> None:
    by_id = replace(Entry.of(view_of("a"), identity="someone"), contact_id="contact-of-ann")
    worker = account(chaos, [0.0], unknown_contacts="create")
    chaos.answers(error(404, "contact_not_found"))
    again = worker.send(Row(by_id, 0, 0.0))
    assert isinstance(again, Entry)
    carried = Entry.from_line(again.to_line())
    assert isinstance(worker.send(Row(carried, 0, 0.0)), Receipt)
    first, second = chaos.calls
    assert first.key == by_id.key != second.key
    assert b"contact-of-ann" in first.body
    assert second.body == by_id.body


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Broker]:
    with Sandbox(contacts=[EMAIL]) as sandbox, broker("amqp", sandbox, tmp_path) as there:
        yield there


def worked(
    there: Broker, told: Told, for_account: str, age: float = 0.0, **changes: Any
) -> dict[str, object]:
    """What a worker that serves shop-key leaves in the queue of a task."""
    sandbox = there.sandbox
    settings = Settings(api_key=sandbox.api_key, base_url=sandbox.base_url)  # type: ignore[arg-type]
    served = delivery.serve("shop-key", settings, told.receivers())
    view = view_of("a")
    entry = Entry.of(view, identity="someone")
    line = replace(entry, at=entry.at - age, **changes).to_line().decode()
    with Celery("shop", set_as_current=False) as app:
        app.config_from_object(there.config())
        task = SimpleNamespace(app=app, request=SimpleNamespace(retries=2))
        delivery.send(task, for_account, line)
        delivery.close_publishers()
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            channel.queue_declare(there.queue, durable=True, auto_delete=False)
            message = channel.basic_get(there.queue, no_ack=True)
    del served
    return dict(message.headers) if message else {}


@pytest.mark.parametrize("name", ["shop-key", "shop-formerkey", "renamed-key"])
def test_a_task_is_sent_for_the_same_app_or_by_the_same_key(there: Broker, name: str) -> None:
    """F187: a rotated key; or the same app under another name in the worker."""
    told = Told()
    assert worked(there, told, name) == {}
    assert [type(end) for end in told.ends] == [Receipt]


def test_a_task_of_another_app_and_key_waits_and_is_never_sent(there: Broker) -> None:
    """F073: two shops on one broker never cross."""
    told = Told()
    left = worked(there, told, "other-otherkey")
    assert (left["task"], left["retries"]) == ("topmail_flask.send", 2)
    assert left["eta"]
    assert there.sandbox.requests == []
    assert told.ends == []


def test_a_view_that_waited_too_long_is_not_sent(there: Broker) -> None:
    told = Told()
    assert worked(there, told, "shop-key", age=90_000.0) == {}
    assert told.ends == [Reason.EXPIRED]
    assert there.sandbox.requests == []


def test_the_task_of_an_unknown_id_comes_again_at_once_by_the_address(there: Broker) -> None:
    told = Told()
    left = worked(there, told, "shop-key", contact_id="9b2f6a70-0000-4000-8000-000000000000")
    assert (left["task"], left["retries"], left["eta"]) == ("topmail_flask.send", 2, None)
    assert told.ends == []


def test_a_shop_without_its_celery_app_is_told_the_fix(tmp_path: Path) -> None:
    program = (
        "import flask, sys, topmail_flask as t; app = flask.Flask('shop');"
        f"app.config |= dict(TOPMAIL_API_KEY='{KEY}', TOPMAIL_DELIVERY='celery',"
        f"TOPMAIL_OUTBOX={str(tmp_path)!r}); topmail = t.TopMail(app);"
        "from tests.delivery.views import view_of;"
        "from topmail_flask.core import core_of;"
        "d = core_of(app).delivery; d.accept(view_of('a')); d.flush(1.0);"
        "health = d.health(); print(health.state, health.reason, health.fix)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert b'paused no_celery_app Put the Celery app into app.extensions["celery"]' in done.stdout
