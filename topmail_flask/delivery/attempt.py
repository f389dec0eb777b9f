"""One attempt to deliver an event, with the creation of its contact if asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.kinds import BY_NAME
from topmail_flask.model.errors import Conflict, ContactNotFound, DeliveryError
from topmail_flask.model.shopper import Receipt, Shopper


@dataclass(slots=True, eq=False)
class Job:
    """What a sender gets to do.

    :ivar row: the claimed row.
    :ivar new_contact: who becomes a contact, not subscribed, if TopMail does not know them.
    :ivar called_off: no call is to be begun for it any more.
    """

    row: Row = field(repr=False)
    new_contact: Shopper | None = None
    called_off: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    :ivar result: the receipt, or the error of the last call.
    :ivar calls: how many calls it took.
    :ivar refused: it was the creation of the contact that failed.
    :ivar renewed: what was sent under another key in the end; None: the row's own entry.
    """

    job: Job
    result: Receipt | DeliveryError
    calls: int = 1
    refused: bool = False
    renewed: Entry | None = None


Attempt = Callable[[Job], Outcome]
CONFLICTS_OF_A_NAME = 3
"""Attempts after which an order whose key is in use was told of by somebody else."""


def attempt(client: TopMailClient, job: Job) -> Outcome:
    """Send it; create its contact and send it again, if need be and if asked for.

    Where the contact is there and the answer is as before, TopMail may answer so to that key for as
    long as it remembers it: one more call, under another key, finds that out.
    """
    result = _post(client, job.row, job.row.entry)
    if job.new_contact is None or not isinstance(result, ContactNotFound) or job.called_off:
        return Outcome(job, result)
    made = client.post_contact(job.new_contact, subscribed=False)
    if isinstance(made, DeliveryError) and not isinstance(made, Conflict):
        return Outcome(job, made, calls=2, refused=True)
    if job.called_off:
        return Outcome(job, result, calls=2)
    result = _post(client, job.row, job.row.entry)
    if not isinstance(result, ContactNotFound) or job.called_off:
        return Outcome(job, result, calls=3)
    renewed = job.row.entry.as_renewed()
    return Outcome(job, _post(client, job.row, renewed), calls=4, renewed=renewed)


def _post(client: TopMailClient, row: Row, entry: Entry) -> Receipt | DeliveryError:
    kind = BY_NAME[entry.kind]
    result = client.post(kind, entry.sent_key, entry.sent_body, target=entry.target)
    # The key is made of the name: who used it, with whatever revenue or data, has told of this very
    # order. Only TopMail's being busy with it right now must not be taken for that.
    known = (
        isinstance(result, Conflict)
        and entry.repeat == entry.key
        and (result.code == "duplicate" or row.attempts >= CONFLICTS_OF_A_NAME)
    )
    return Receipt(None, None, None, None) if known else result
