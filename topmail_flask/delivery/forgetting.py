"""A shopper is erased: rows, dead letters, caches, journals, and the bytes of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial

from topmail_flask.delivery import by_hand
from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.by_hand import Table
from topmail_flask.delivery.operating import AT_ONCE, Operator, Work
from topmail_flask.delivery.sender import LOOK_INTERVAL
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

TABLES: tuple[Table, ...] = ("waiting", "dead")


def forget(operator: Operator, shoppers: Collection[Shopper], *, now: float) -> Work:
    """Erases a shopper from one outbox. Tells how many views and dead letters were ``removed``.

    A leader that runs may be sending one of the views at this moment. It sends no other once
    this has returned: it looks into the books again before :data:`~.sender.LOOK_INTERVAL` is over.

    :param shoppers: all that is known of the one shopper: an address, contact ids.
    :param now: what happened until then is forgotten, in seconds since the epoch.
    :raises OutboxUnavailable: also by the steps: something is left, or may be.
    """

    def steps() -> Iterator[Counter[str]]:
        known = {operator.identity_of(one): one for one in shoppers}
        for one in by_contact_id(operator, list(known)):
            known[operator.identity_of(one)] = one
        mark = partial(by_hand.mark_forgotten, shoppers=known, now=now)
        ends, dropped = operator.run(mark)
        operator.tell(dropped)
        yield ends
        emails = {one.email.casefold() for one in known.values() if one.email}
        contact_ids = {one.contact_id for one in known.values() if one.contact_id}
        tells = partial(by_hand.tells_of, emails=emails, contact_ids=contact_ids)
        for table in TABLES:
            yield from _erase_by_name(operator, table, tells)
        operator.bring_in()  # it erases what another importer, killed, left behind
        operator.erase_rest()
        Bell().wait(LOOK_INTERVAL)  # a leader that looked just before may begin one more call

    operator.bring_in()
    counted = operator.rows("SELECT (SELECT COUNT(*) FROM waiting) + (SELECT COUNT(*) FROM dead)")
    return Work(counted[0][0] if counted else 0, steps())


def by_contact_id(operator: Operator, identities: Collection[str]) -> Iterator[Shopper]:
    """The same shoppers by TopMail's id of the contact, where that is known here."""
    query = "SELECT contact_id FROM contacts WHERE identity = ? AND contact_id IS NOT NULL"
    for identity in identities:
        for (contact_id,) in operator.rows(query, (identity,)):
            try:
                yield Shopper(contact_id=contact_id)
            except InvalidValueError:
                continue


def _erase_by_name(
    operator: Operator, table: Table, tells: Callable[[bytes], bool]
) -> Iterator[Counter[str]]:
    """Removes rows that name the shopper under another identity, of a secret that was changed."""
    columns = f"SELECT id, key, line FROM {table}"  # noqa: S608  # our names
    last = 0
    while rows := operator.rows(f"{columns} WHERE id > ? ORDER BY id LIMIT {AT_ONCE}", (last,)):
        last = rows[-1][0]
        found = [key for _, key, line in rows if tells(line)]
        if found:
            act = partial(by_hand.take_out, table=table, reason=Reason.FORGOTTEN)
            yield from operator.work(found, act).steps
        yield Counter({"": len(rows)})
