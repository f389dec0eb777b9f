"""The shopper who saw it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from topmail_flask.model.errors import InvalidValueError, WrongAnswer
from topmail_flask.model.text import clean, cut, json_object

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Nobody has mail at .invalid and .localhost: https://www.rfc-editor.org/rfc/rfc2606
_EMAIL = re.compile(
    r"[^\s@\x00-\x1f\x7f<>,;:()\[\]\\\"]{1,64}@"
    rf"(?:{_LABEL}\.)+(?!(?:invalid|localhost)\Z)[a-z][a-z0-9-]{{0,61}}[a-z0-9]\Z"
)
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})  # categories of Unicode
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")
_EXAMPLES = frozenset({"example.com", "example.net", "example.org"})
_CONTACT_ID = re.compile(r"[\x21-\x7e]{1,100}\Z")
EMAIL_LIMIT = 254
NAME_LIMIT = 100
ATTRIBUTES_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class Shopper:
    """A shopper as a TopMail contact: by contact id, or by e-mail address.

    When both are given, the contact id is sent. The names and attributes are used only when a
    contact has to be created (``TOPMAIL_UNKNOWN_CONTACTS = "create"``).

    :param email: the contact's address, at most 254 characters; trimmed, its domain in lower case
        and in the ASCII form of DNS (``xn--…``).
    :param contact_id: TopMail's id of the contact, an opaque string of at most 100 characters.
    :param first_name: at most 100 characters.
    :param last_name: at most 100 characters.
    :param attributes: anything else of the contact, an object of JSON of at most 8 KB.
    :ivar identity: what tells this shopper from every other: the contact id, or else the address.
    :raises InvalidValueError: neither an address nor an id, or not a possible one.
    """

    email: str | None = None
    contact_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    attributes: Mapping[str, object] | None = field(default=None, hash=False, repr=False)
    identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.email is None and self.contact_id is None:
            raise InvalidValueError("shopper", "needs an email or a contact_id")
        if self.email is not None:
            object.__setattr__(self, "email", _email(self.email))
        if self.contact_id is not None:
            object.__setattr__(self, "contact_id", _contact_id(self.contact_id))
        for name in ("first_name", "last_name"):
            value = getattr(self, name)
            if value is not None:
                text = cut(clean(value), NAME_LIMIT) if isinstance(value, str) else ""
                object.__setattr__(self, name, text or None)
        if self.attributes is not None:
            attributes = json_object(self.attributes, "attributes") or None
            if len(str(attributes)) > ATTRIBUTES_LIMIT:
                raise InvalidValueError("attributes", "has more than 8 KB")
            object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "identity", self.contact_id or (self.email or "").casefold())

    @classmethod
    def of(cls, who: object) -> Shopper | None:
        """The shopper that a shop's function told: a Shopper, an e-mail address, or None.

        :raises InvalidValueError: text that is no address.
        :raises TypeError: anything else.
        """
        if isinstance(who, str):
            return cls(email=who) if who.strip() else None
        if who is None or isinstance(who, Shopper):
            return who
        raise WrongAnswer(
            f"returned {type(who).__qualname__}. "
            "Return an e-mail address, a topmail_flask.Shopper, or None"
        )

    @property
    def may_become_contact(self) -> bool:
        """Whether a contact may be made of the address: not of one that documentation uses."""
        domain = (self.email or "").rpartition("@")[2]
        return bool(domain) and ".".join(domain.split(".")[-2:]) not in _EXAMPLES

    def __repr__(self) -> str:
        known_by = "contact_id" if self.contact_id else "email"
        return f"<Shopper known by {known_by}>"


def _email(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    local, _, domain = text.rpartition("@")
    if text.isascii():
        address = f"{local}@{domain.lower()}"
    else:
        address = f"{local}@{_ascii_domain(domain)}"
        if any(unicodedata.category(character) in _UNSEEN for character in text):
            raise InvalidValueError("email", "holds characters that cannot be seen")
    if len(address) > EMAIL_LIMIT or ".." in address or not _EMAIL.match(address):
        raise InvalidValueError("email", "is not an e-mail address")
    return address


def _ascii_domain(domain: str) -> str:
    """The domain as DNS knows it; a label in other letters is ``xn--`` and its Punycode."""
    labels = unicodedata.normalize("NFKC", _FULL_STOPS.sub(".", domain)).lower().split(".")
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
        for label in map(partial(unicodedata.normalize, "NFC"), labels)
    )


def _contact_id(value: object) -> str:
    text = str(value).strip() if not isinstance(value, bool) else ""
    if not _CONTACT_ID.match(text):
        raise InvalidValueError("contact_id", "must be 1 to 100 printable characters")
    return text


@dataclass(frozen=True, slots=True)
class Receipt:
    """TopMail's answer to one product view. Every id is an opaque string.

    :ivar id: TopMail's id of the view, or None where the answer named none.
    :ivar contact_id: the contact that the view was recorded for, or None.
    :ivar product_id: the product as TopMail recorded it, or None.
    :ivar viewed_at: TopMail's own time stamp (ISO 8601 text), or None.
    """

    id: str | None
    contact_id: str | None
    product_id: str | None
    viewed_at: str | None

    def __repr__(self) -> str:
        return f"<Receipt {self.id or 'without an id'}>"


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of the workspace, as the Contacts API tells it.

    :ivar id: TopMail's opaque id.
    :ivar email: the address, or None where the answer had none.
    :ivar subscribed: whether the contact agreed to marketing mail, or None if unknown.
    """

    id: str
    email: str | None
    subscribed: bool | None

    def __repr__(self) -> str:
        return f"<Contact {self.id}>"
