"""One attempt to deliver a view, with the creation of its contact where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.outbox import Row
from topmail_flask.domain.errors import Conflict, ContactNotFound, DeliveryError
from topmail_flask.domain.receipt import Receipt
from topmail_flask.domain.shopper import Shopper


@dataclass(frozen=True, slots=True)
class Job:
    """What a sender gets to do.

    :ivar row: the claimed row.
    :ivar body: the bytes to send.
    :ivar newcomer: who becomes a contact, not subscribed, if TopMail does not know them.
    """

    row: Row = field(repr=False)
    body: bytes = field(repr=False)
    newcomer: Shopper | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    :ivar result: the receipt, or the error of the last call.
    :ivar calls: how many calls it took.
    :ivar created: the contact exists now, and still TopMail does not know it.
    :ivar refused: it was the creation of the contact that failed.
    """

    job: Job
    result: Receipt | DeliveryError
    calls: int = 1
    created: bool = False
    refused: bool = False


Attempt = Callable[[Job], Outcome]


def attempt(client: TopMailClient, job: Job) -> Outcome:
    """Send the view; create its contact and send it again, if need be and if asked for."""
    key = job.row.entry.key
    result = client.post_view(key, job.body)
    if job.newcomer is None or not isinstance(result, ContactNotFound):
        return Outcome(job, result)
    made = client.post_contact(job.newcomer, subscribed=False)
    if isinstance(made, DeliveryError) and not isinstance(made, Conflict):
        return Outcome(job, made, calls=2, refused=True)
    result = client.post_view(key, job.body)
    return Outcome(job, result, calls=3, created=isinstance(result, ContactNotFound))


def with_contact_id(body: bytes, contact_id: str) -> bytes:
    """The same body, telling the shopper by contact id instead of by address."""
    told = json.loads(body)
    told.pop("email", None)
    return json.dumps(
        {"contact_id": contact_id} | told, ensure_ascii=False, separators=(",", ":")
    ).encode()
