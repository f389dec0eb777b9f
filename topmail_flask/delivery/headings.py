"""What the books need to know of a line, read at a third of the cost of the whole entry."""

from __future__ import annotations

import re
from typing import NamedTuple

from topmail_flask.delivery.entries import BODY, BODY_LIMIT, Entry, summed, text_of

_HEADING = re.compile(
    rb'\{"kind":"(view|purchase|withdrawal)","key":"([A-Za-z0-9_-]{1,128})","at":([0-9.e+-]{1,32}),'
    rb'"identity":"([A-Za-z0-9_-]{0,128})","repeat":"([A-Za-z0-9_-]{0,128})",'
)
_NAMES_LIMIT = 4096


class Heading(NamedTuple):
    """The beginning of a line; see :class:`~topmail_flask.delivery.entries.Entry`.

    :ivar is_open: whether it is still to be chosen how the shopper is told.
    """

    kind: str
    key: str
    at: float
    identity: str
    repeat: str
    is_open: bool


def heading_of(line: bytes) -> Heading:
    """The heading of a line.

    :raises ValueError: the line is torn or damaged.
    """
    text = text_of(line)
    told = _HEADING.match(text)
    if told is None or len(text) > BODY_LIMIT + _NAMES_LIMIT:  # perhaps another version wrote it
        entry = Entry.from_line(line)
        is_open = entry.contact_id is None
        return Heading(entry.kind, entry.key, entry.at, entry.identity, entry.repeat, is_open)
    kind, key, at, identity, repeat = told.groups()
    when = float(at)
    if not 0 <= when < 1e11:
        raise ValueError("an entry's time is not one")
    is_open = text.find(b',"contact_id":', told.end() - 1, text.find(BODY, told.end() - 1)) < 0
    return Heading(kind.decode(), key.decode(), when, identity.decode(), repeat.decode(), is_open)


def with_contact_id(line: bytes, contact_id: str) -> bytes:
    """The line of an entry that is still open, told by this contact id from now on.

    :param contact_id: as TopMail gave it, with neither quotes nor backslashes.
    """
    head, body_mark, body = text_of(line).partition(BODY)
    return summed(b'%b,"contact_id":"%b"%b%b' % (head, contact_id.encode(), body_mark, body))
