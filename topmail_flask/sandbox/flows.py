"""The ``product_viewed`` flows of the workspace: what a view sets off, and what ends it."""

from dataclasses import replace

from topmail_flask.sandbox.answers import Json
from topmail_flask.sandbox.records import Contact, Flow, RecordedView


def triggered_flows(contact: Contact, body: Json) -> tuple[Flow, ...]:
    """Return what each flow of the workspace makes of one accepted view."""
    unsubscribed = None if contact.subscribed else "the contact is not subscribed"
    no_price = None if "price" in body else "the view has no price"
    return (
        Flow("Abandoned browse", "after 60 min", unsubscribed),
        Flow("Price drop", "when the price falls", unsubscribed or no_price),
    )


def ended_by_purchase(view: RecordedView) -> RecordedView:
    """Return the view with its flows ended: who has bought is not asked about it any more."""
    bought = "the contact has bought since"
    return replace(
        view, flows=tuple(replace(one, skipped=one.skipped or bought) for one in view.flows)
    )
