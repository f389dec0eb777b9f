"""One line of the journal: what was accepted for TopMail, or an order about what waits."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import dataclass, replace
from typing import NamedTuple

from topmail_flask.delivery.kinds import BY_NAME, BY_TYPE
from topmail_flask.model.events import Conversion, Event, ProductView, Purchase, Trigger, new_key
from topmail_flask.model.shopper import Shopper

BODY_LIMIT = 64 * 1024
LATEST = 1e11
"""No time that an entry has, in seconds since the epoch, is as late."""
_REMEMBERED = 4096
BODY = b',"body":'
CONTACT_ID = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # neither quotes nor backslashes
ORDERS = ("withdrawal", "cancellation", "move")
"""Kinds of entries that are not sent: they say what becomes of what waits."""
ORDER_LINES = tuple(f'{{"kind":"{kind}"'.encode() for kind in ORDERS)
_KINDS = frozenset({*BY_NAME, *ORDERS})
LATER = "-later-"
"""Follows a shopper's identity in that of a delayed event, a lane of its own: it holds nothing up.
"""
IS_OF = f"(identity = ? OR (identity > ? || '{LATER}' AND identity < ? || '{LATER[:-1]}.'))"
"""Whether a row is a shopper's, delayed or not; the value is the identity, three times."""
NOT_WITHDRAWN = (
    "NOT EXISTS (SELECT 1 FROM withdrawals WHERE withdrawals.at >= dead.at AND "  # noqa: S608
    "withdrawals.identity = "
    f"substr(dead.identity, 1, instr(dead.identity || '{LATER}', '{LATER}') - 1))"
)
"""Whether the shopper of a dead letter has not refused since; in SQL."""
_WORD = re.compile(r"[A-Za-z0-9_-]{0,128}\Z")
_SUM = b',"sum":"%08x"}'
_SUM_LENGTH = len(_SUM % 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a request hands over for delivery.

    :param kind: of :data:`~topmail_flask.delivery.kinds.KINDS`, or ``"withdrawal"`` (drop what
        waits for the identity), ``"cancellation"`` (drop what waits under a name) or ``"move"``
        (what waits for the identity is another's now).
    :param key: idempotency key, at most 128 letters, digits, ``-`` and ``_``.
    :param at: when it happened, in seconds since the epoch.
    :param identity: keyed digest of the shopper, never the address itself.
    :param repeat: keyed digest of shopper, product and variant; of a purchase and of what happens
        once under a name, its key. Empty: never a repeat.
    :param body: what happened: one line of JSON, at most 64 KB. Sent as it is, unless
        ``contact_id`` is known.
    :param first_name: used only when the contact has to be created.
    :param last_name: used only when the contact has to be created.
    :param attributes: the same, an object of JSON; "": none.
    :param contact_id: TopMail's id of the contact, sent instead of the address. It is chosen once,
        when the entry comes into the books, so that every attempt has the same bytes. "": chosen,
        the body is sent as it is. None: not chosen yet.
    :param renewed: how often TopMail has refused it because it did not know the contact: each time
        it is another operation, with an idempotency key of its own, for TopMail may answer for as
        long as before to the key that it knows.
    :param target: what the path of the call names: an automation's id.
    :param due: when it is sent at the earliest, in seconds since the epoch; 0: at once.
    :raises ValueError: a value that cannot be right.
    """

    kind: str
    key: str
    at: float
    identity: str
    repeat: str = ""
    body: bytes = b""
    first_name: str = ""
    last_name: str = ""
    attributes: str = ""
    contact_id: str | None = None
    renewed: int = 0
    target: str = ""
    due: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError("an entry is of no known kind")
        word = _WORD.match
        if not (self.key and word(self.key) and word(self.identity) and word(self.repeat)):
            raise ValueError("an entry's key or digest has a wrong character")
        if isinstance(self.at, bool) or not 0 <= self.at < LATEST:
            raise ValueError("an entry's time is not one")
        if self.due and not (isinstance(self.due, float) and 0 < self.due < LATEST):
            raise ValueError("an entry's time is not one")
        if self.target and not word(self.target):
            raise ValueError("an entry's target has a wrong character")
        if len(self.body) > BODY_LIMIT or b"\n" in self.body:
            raise ValueError("an entry's body is one line of at most 64 KB")
        if self.contact_id and not CONTACT_ID.fullmatch(self.contact_id):
            raise ValueError("an entry's contact id cannot be one")

    @classmethod
    def of(cls, event: Event, *, identity: str) -> Entry:
        """The entry of an event.

        :raises InvalidValueError: nobody knows the shopper.
        """
        kind, names = BY_TYPE[type(event)], event.shopper
        return cls(
            kind.name,
            event.key,
            getattr(event, kind.time),
            identity,
            event.key if isinstance(event, Purchase) else "",
            event.body_bytes(),
            (names and names.first_name) or "",
            (names and names.last_name) or "",
            attributes_of(names),
        )

    @property
    def shopper(self) -> str:
        """The shopper's identity, also of what waits in a lane of its own."""
        return self.identity.partition(LATER)[0]

    @property
    def sent_key(self) -> str:
        """The idempotency key: one for each :attr:`sent_body`, and always the same."""
        if not self.renewed:
            return self.key
        person = b"topmail_renewed"
        text = self.key if self.renewed == 1 else f"{self.key} {self.renewed}"
        return hashlib.blake2b(text.encode(), digest_size=16, person=person).hexdigest()

    @property
    def sent_body(self) -> bytes:
        """The bytes to send, the same on every attempt."""
        if not self.contact_id:
            return self.body
        fields = json.loads(self.body)
        fields.pop("email", None)
        fields = {"contact_id": self.contact_id} | fields
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def names_address(self) -> bool:
        """Whether its body names the shopper by the address, and not by a contact's id."""
        return self.body.startswith(b'{"email":')

    def moved(self, identity: str, email: str | None) -> Entry:
        """The entry of a shopper who is known by another address.

        :param email: the address; None: what was sent perhaps goes on as it was.
        """
        entry = replace(self, identity=identity)
        if email is None or not self.names_address:
            return entry
        body = json.loads(self.body) | {"email": email}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return replace(entry, body=text.encode())

    def by_address(self) -> Entry:
        """The entry for when TopMail does not know :attr:`contact_id`."""
        return replace(self.as_renewed(), contact_id="")

    def as_renewed(self) -> Entry:
        """The entry for when TopMail may know the contact by now."""
        return replace(self, contact_id=self.contact_id or "", renewed=int(self.renewed) + 1)

    def check_body(self) -> dict[str, object]:
        """The body, with no other fields than an entry of this kind has.

        :raises ValueError: it was tampered with.
        """
        try:
            body = json.loads(self.body)
        except RecursionError:
            raise ValueError("an entry's body is nested too deeply") from None
        kind = BY_NAME.get(self.kind)
        if not isinstance(body, dict) or not body or not kind or not kind.fields.issuperset(body):
            raise ValueError(f"an entry's body is not that of a {self.kind}")
        return body

    def event(self) -> Event:
        """The event that this entry was made of.

        :raises ValueError: it was made of none, or its body was tampered with.
        """
        body = self.check_body()
        event = BY_NAME[self.kind].restore(body, self.key, self.at, self.target)
        if event.shopper is None or not (self.first_name or self.last_name or self.attributes):
            return event
        named = replace(
            event.shopper,
            first_name=self.first_name or None,
            last_name=self.last_name or None,
            attributes=json.loads(self.attributes) if self.attributes else None,
        )
        return replace(event, shopper=named)

    def to_line(self) -> bytes:
        """One line of JSON with a checksum at its end and the body's own bytes in it."""
        names = _names(self.first_name, self.last_name, self.attributes)
        if self.contact_id is not None:
            names += f',"contact_id":{json.dumps(self.contact_id)}'
        if self.renewed:  # once: as versions write it that know of once only
            names += ',"renewed":true' if self.renewed == 1 else f',"renewed":{self.renewed}'
        if self.target:
            names += f',"target":"{self.target}"'
        if self.due:
            names += f',"due":{self.due!r}'
        header = self.kind, self.key, self.at, self.identity, self.repeat
        return _line(header, names, self.body or b"null")

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """The entry of a line.

        :raises ValueError: the line is torn or damaged.
        """
        head, _, body = text_of(line).partition(BODY)
        try:
            return cls(**json.loads(f"{head.decode()}}}"), body=b"" if body == b"null" else body)
        except TypeError:
            raise ValueError("the line is not an entry") from None

    def __repr__(self) -> str:
        return f"<Entry {self.kind} {self.key}>"


def _line(header: tuple[str, str, float, str, str], names: str, body: bytes) -> bytes:
    kind, key, at, identity, repeat = header
    head = (
        f'{{"kind":"{kind}","key":"{key}","at":{at!r},"identity":"{identity}",'
        f'"repeat":"{repeat}"{names},"body":'
    )
    text = head.encode() + body
    return text + _SUM % zlib.crc32(text) + b"\n"  # as summed() writes it


def attributes_of(shopper: Shopper | None) -> str:
    """What else the contact is to be created with, as a text of JSON."""
    attributes = shopper.attributes if shopper is not None else None
    return json.dumps(attributes, separators=(",", ":")) if attributes else ""


def _names(first: str, last: str, attributes: str) -> str:
    names = ""
    if first or last:
        names = f',"first_name":{json.dumps(first)},"last_name":{json.dumps(last)}'
    return names + (f',"attributes":{json.dumps(attributes)}' if attributes else "")


def summed(text: bytes) -> bytes:
    """The line that tells ``text``: with a checksum at its end."""
    return text + _SUM % zlib.crc32(text) + b"\n"


def text_of(line: bytes) -> bytes:
    """What :func:`summed` made the line of.

    :raises ValueError: the line is torn or damaged.
    """
    line = line.strip()
    text = line[:-_SUM_LENGTH]
    if line[-_SUM_LENGTH:] != _SUM % zlib.crc32(text):
        raise ValueError("the line is torn or damaged")
    return text


class Identities:
    """Digests under a secret of the app.

    :param secret: any bytes; the same in every process of the app.
    """

    def __init__(self, secret: bytes) -> None:
        person = b"topmail_shopper"
        key = hashlib.blake2b(secret, digest_size=32, person=person).digest()
        self._keyed = hashlib.blake2b(digest_size=16, key=key)
        self._known: dict[int, str] = {}

    def of(self, shopper: Shopper) -> str:
        """Tells the shopper from every other."""
        identity = shopper.identity
        name = hash(identity)  # an address has no business in a long memory
        known = self._known.get(name)
        if known is None:
            digest = self._keyed.copy()  # with the key read already: half of the cost
            digest.update(identity.encode())
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            known = self._known[name] = digest.hexdigest()
        return known

    def line(self, event: Event) -> bytes:
        """The line of an event, as its entry writes it.

        :raises ValueError: it cannot be one, or nobody knows the shopper of the view.
        """
        shopper = event.shopper
        if shopper is None:
            raise ValueError("nobody knows the shopper")
        identity = self.of(shopper)
        if not isinstance(event, ProductView):
            return self._named(event, identity).to_line()
        product, body = event.product, event.body_bytes()
        digest = self._keyed.copy()
        digest.update(f"{identity}\0{product.id}\0{product.variant_id or ''}".encode())
        key, at, repeat = event.key, float(event.viewed_at), digest.hexdigest()
        names = ""
        if shopper.first_name or shopper.last_name or shopper.attributes:
            attributes = attributes_of(shopper)
            names = _names(shopper.first_name or "", shopper.last_name or "", attributes)
        if not (key and _WORD.match(key) and 0 <= at < LATEST and len(body) <= BODY_LIMIT):
            raise ValueError("a view's key, time or body cannot be one")
        return _line(("view", key, at, identity, repeat), names, body)

    def _named(self, event: Purchase | Conversion | Trigger, identity: str) -> Entry:
        """What happens once under a name has a key that is made of it, as a purchase has."""
        entry = Entry.of(event, identity=identity)
        if isinstance(event, Purchase):
            return entry
        if event.once is not None:
            key = f"{self.named(entry.kind, event.once)}-{identity}"
            entry = replace(entry, key=key, repeat=key)
        if isinstance(event, Trigger):
            lane = f"{identity}{LATER}{new_key()[:18]}" if event.due else identity
            entry = replace(entry, target=event.automation_id, due=event.due or 0.0, identity=lane)
        return entry

    def named(self, kind: str, once: str) -> str:
        """What the keys of a kind begin with that have this name, whoever's they are."""
        digest = self._keyed.copy()
        digest.update(f"{kind}\0{once}".encode())
        return BY_NAME[kind].prefix + digest.hexdigest()[:16]


_HEADER = re.compile(
    rb'\{"kind":"([a-z]{1,16})","key":"([A-Za-z0-9_-]{1,128})","at":([0-9.e+-]{1,32}),'
    rb'"identity":"([A-Za-z0-9_-]{0,128})","repeat":"([A-Za-z0-9_-]{0,128})",'
)
_NAMES_LIMIT = 4096


class EntryHeader(NamedTuple):
    """The beginning of a line; see :class:`~topmail_flask.delivery.entry.Entry`.

    :ivar is_open: whether it is still to be chosen how the shopper is told.
    """

    kind: str
    key: str
    at: float
    identity: str
    repeat: str
    is_open: bool


def header_of(line: bytes) -> EntryHeader:
    """The heading of a line.

    :raises ValueError: the line is torn or damaged.
    """
    text = text_of(line)
    found = _HEADER.match(text)
    if found is None or len(text) > BODY_LIMIT + _NAMES_LIMIT:  # perhaps another version wrote it
        entry = Entry.from_line(line)
        is_open = entry.contact_id is None
        return EntryHeader(entry.kind, entry.key, entry.at, entry.identity, entry.repeat, is_open)
    kind, key, at, identity, repeat = found.groups()
    when = float(at)
    if not 0 <= when < LATEST or kind.decode() not in _KINDS:
        raise ValueError("an entry's time is not one")
    is_open = text.find(b',"contact_id":', found.end() - 1, text.find(BODY, found.end() - 1)) < 0
    return EntryHeader(
        kind.decode(), key.decode(), when, identity.decode(), repeat.decode(), is_open
    )


def with_contact_id(line: bytes, contact_id: str) -> bytes:
    """The line of an entry that is still open, told by this contact id from now on.

    :param contact_id: as TopMail gave it, with neither quotes nor backslashes.
    """
    head, body_mark, body = text_of(line).partition(BODY)
    return summed(b'%b,"contact_id":"%b"%b%b' % (head, contact_id.encode(), body_mark, body))
