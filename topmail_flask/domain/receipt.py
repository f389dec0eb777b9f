"""What TopMail said when it took a view."""

from __future__ import annotations

from dataclasses import dataclass


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
