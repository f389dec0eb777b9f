"""What is known about TopMail and what is a guess, and which answer this sandbox gives to a guess.

Three ranks: TopMail's pages *said* it; an *example* response shows it; or the pages are silent and
the sandbox plays a *guess*. Some guesses have another answer that a sandbox can be started with.
"""

from dataclasses import dataclass
from typing import Literal

Rank = Literal["said", "example", "guess"]


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """The answers to the guesses that can be changed; the defaults are the likely ones.

    ``idempotency``: an ``Idempotency-Key`` counts once on every endpoint, else keys are ignored.
    ``replay_refusals``: a refusal (404, 400, 409) is repeated for its key as a success is.
    ``tracking_permission``: what an API key needs to record views; ``"none"`` for nothing.
    ``purchase_ends_flows``: a purchase ends the flows that the contact's views have set off.
    ``view_status``: the status of an accepted view. ``unknown_fields``: fields that TopMail's pages
    do not name are accepted.
    """

    idempotency: bool = True
    replay_refusals: bool = False
    tracking_permission: str = "conversions:write"
    purchase_ends_flows: bool = True
    view_status: int = 201
    unknown_fields: bool = False

    def __post_init__(self) -> None:
        """Raise :class:`ValueError` for a permission or a status that makes no sense."""
        resource, _, action = self.tracking_permission.partition(":")
        if self.tracking_permission != "none" and not (resource and action):
            raise ValueError("a permission is written resource:action, or none")
        if not 200 <= self.view_status <= 299:
            raise ValueError("the status of an accepted view must be from 200 to 299")


@dataclass(frozen=True)
class Fact:
    """A statement about TopMail, and the option that lets the sandbox do otherwise.

    ``field`` is that of :class:`Assumptions` which the option changes, ``other`` says to what.
    """

    name: str
    rank: Rank
    statement: str
    option: str = ""
    field: str = ""
    other: str = ""

    def is_changed(self, assumptions: Assumptions) -> bool:
        """Whether the sandbox was started with the other answer."""
        name = self.field
        return bool(name) and getattr(assumptions, name) != getattr(Assumptions(), name)


FACTS = (
    Fact("contact", "said", "A view needs a contact that exists: 404 contact_not_found otherwise."),
    Fact("fields", "said", "The fields of each call, their types and their lengths."),
    Fact("flows", "said", "Every view triggers the product_viewed flows, a repeated view as well."),
    Fact("errors", "said", "The shape of errors, their statuses, and Retry-After with a 429."),
    Fact(
        "time",
        "said",
        "A call records one view, and has no field for its time: TopMail stamps the arrival.",
    ),
    Fact(
        "permissions",
        "said",
        "A key has permissions for each resource: contacts and lists (read, write, delete); "
        "campaigns, templates, flows, forms and conversions (read, write); analytics (read). One "
        "that is missing is answered 403.",
    ),
    Fact(
        "conversions",
        "said",
        "A conversion has a type, revenue, a currency and an order_id for deduplication, and is "
        "there for revenue attribution.",
    ),
    Fact(
        "limits",
        "said",
        "Rate limits hold for a key, over a sliding window; each answer tells what is left and "
        "when it resets. How many calls that is, is not told.",
    ),
    Fact("response", "example", "The fields of a success response."),
    Fact(
        "status",
        "guess",
        "An accepted view is answered 201: TopMail shows a body and names no status.",
        "--view-status 200",
        "view_status",
        "Status of the response to an accepted view.",
    ),
    Fact(
        "idempotency",
        "guess",
        "A view or conversion that comes twice with one Idempotency-Key counts once. TopMail says "
        "so of its e-mail endpoints; its tracking page is silent.",
        "--no-idempotency",
        "idempotency",
        "Ignore Idempotency-Key: every call counts.",
    ),
    Fact(
        "refusals",
        "guess",
        "A key whose call was refused may be used again.",
        "--replay-refusals",
        "replay_refusals",
        "Repeat a refusal for its Idempotency-Key, as a success is repeated.",
    ),
    Fact(
        "permission",
        "guess",
        "Views need the permission conversions:write, and automations flows:write: TopMail names "
        "no permission for them.",
        "--tracking-permission none",
        "tracking_permission",
        "Permission that an API key needs to record views, or none.",
    ),
    Fact(
        "purchase",
        "guess",
        "A purchase ends the contact's product_viewed flows. In TopMail you set a flow's exit "
        "condition yourself.",
        "--purchase-keeps-flows",
        "purchase_ends_flows",
        "Let the flows of a contact go on after a purchase.",
    ),
    Fact(
        "strict",
        "guess",
        "Fields that TopMail does not document are refused, as are null and bodies over 100,000 "
        "bytes.",
        "--allow-unknown-fields",
        "unknown_fields",
        "Accept fields that TopMail does not document.",
    ),
    Fact(
        "automations",
        "guess",
        "An automation is known by any id, and the response to a trigger has an id and a status.",
        "--automations ID,ID",
    ),
    Fact(
        "skipped",
        "guess",
        "No flow mails a contact that is not subscribed, and no price drop follows a view without "
        "a price. When a flow mails is what you set in TopMail.",
    ),
    Fact(
        "codes",
        "guess",
        "The codes forbidden, idempotency_conflict, method_not_allowed and payload_too_large.",
    ),
)
