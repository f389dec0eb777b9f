"""The people that the log-in page offers to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoShopper:
    """An account of the demonstration.

    :ivar is_contact: whether the local TopMail knows this shopper, too.
    """

    name: str
    email: str
    password: str
    is_contact: bool = True


DEMO_SHOPPERS = (
    DemoShopper("Nora Lindqvist", "nora@example.com", "linden-and-tea"),
    DemoShopper("Tomas Vega", "tomas@example.com", "linden-and-ink"),
    # No contact on purpose: her views come back as contact_not_found.
    DemoShopper("Ines Moreau", "ines@example.com", "linden-and-wax", is_contact=False),
)
