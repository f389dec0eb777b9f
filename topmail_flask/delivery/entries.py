"""One line of the journal: an accepted view, a purchase, or a withdrawn consent."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, replace

from topmail_flask.domain.product import PRODUCT_FIELDS
from topmail_flask.domain.product_view import ProductView

BODY_LIMIT = 64 * 1024
KINDS = ("view", "purchase", "withdrawal")
_WORD = re.compile(r"[A-Za-z0-9_-]{0,128}\Z")
_SUM = b',"sum":"%08x"}'
_SUM_LENGTH = len(_SUM % 0)
_VIEW_FIELDS = frozenset(PRODUCT_FIELDS) - {"id", "name", "url"} | {
    *("product_id", "product_name", "product_url", "email", "contact_id", "session_id"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a request hands over for delivery.

    :param kind: ``"view"``, ``"purchase"``, or ``"withdrawal"`` (drop what waits for it).
    :param key: idempotency key, at most 128 letters, digits, ``-`` and ``_``.
    :param at: when it happened, in seconds since the epoch.
    :param identity: keyed digest of the shopper, never the address itself.
    :param repeat: keyed digest of shopper, product and variant; empty: never a repeat.
    :param body: the bytes to send, the same on every attempt: one line of JSON, at most 64 KB.
    :param first_name: used only when the contact has to be created.
    :param last_name: used only when the contact has to be created.
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

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError("an entry is a view, a purchase or a withdrawal")
        word = _WORD.match
        if not (self.key and word(self.key) and word(self.identity) and word(self.repeat)):
            raise ValueError("an entry's key or digest has a wrong character")
        if isinstance(self.at, bool) or not 0 <= self.at < 1e11:
            raise ValueError("an entry's time is not one")
        if len(self.body) > BODY_LIMIT or b"\n" in self.body:
            raise ValueError("an entry's body is one line of at most 64 KB")

    @classmethod
    def of_view(cls, view: ProductView, *, identity: str, repeat: str) -> Entry:
        """The entry of a view.

        :raises InvalidValueError: nobody knows the shopper.
        """
        names = view.shopper
        return cls(
            "view",
            view.key,
            view.viewed_at,
            identity,
            repeat,
            view.body_bytes(),
            (names and names.first_name) or "",
            (names and names.last_name) or "",
        )

    def view(self) -> ProductView:
        """The view that this entry was made of.

        :raises ValueError: the entry is not one of a view, or its body was tampered with.
        """
        try:
            body = json.loads(self.body)
        except RecursionError:
            raise ValueError("an entry's body is nested too deeply") from None
        if self.kind != "view" or not isinstance(body, dict) or not _VIEW_FIELDS.issuperset(body):
            raise ValueError("an entry's body is not that of a view")
        view = ProductView.from_body(body, key=self.key, viewed_at=self.at)
        if view.shopper is None or not (self.first_name or self.last_name):
            return view
        named = replace(
            view.shopper,
            first_name=self.first_name or None,
            last_name=self.last_name or None,
        )
        return replace(view, shopper=named)

    def to_line(self) -> bytes:
        """One line of JSON with a checksum at its end and the body's own bytes in it."""
        text = self._checked_text()
        return b"%b%b\n" % (text, _SUM % zlib.crc32(text))

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """The entry of a line.

        :raises ValueError: the line is torn or damaged.
        """
        line = line.strip()
        text, mark = line[:-_SUM_LENGTH], line[-_SUM_LENGTH:]
        if mark != _SUM % zlib.crc32(text):
            raise ValueError("the line is torn or damaged")
        head, _, body = text.partition(b',"body":')
        try:
            return cls(**json.loads(f"{head.decode()}}}"), body=b"" if body == b"null" else body)
        except TypeError:
            raise ValueError("the line is not an entry") from None

    def _checked_text(self) -> bytes:
        names = ""
        if self.first_name or self.last_name:
            first, last = json.dumps(self.first_name), json.dumps(self.last_name)
            names = f',"first_name":{first},"last_name":{last}'
        head = (
            f'{{"kind":"{self.kind}","key":"{self.key}","at":{self.at!r},'
            f'"identity":"{self.identity}","repeat":"{self.repeat}"{names},"body":'
        )
        return head.encode() + (self.body or b"null")

    def __repr__(self) -> str:
        return f"<Entry {self.kind} {self.key}>"
