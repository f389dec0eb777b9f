"""The ``product_viewed`` flows of the sandbox's workspace: what a view would set off."""

from topmail_flask.sandbox.answers import Json
from topmail_flask.sandbox.records import Contact, Flow


def triggered_flows(contact: Contact, body: Json) -> tuple[Flow, ...]:
    """Return what each flow of the workspace makes of one accepted view."""
    unsubscribed = None if contact.subscribed else "the contact is not subscribed"
    no_price = None if "price" in body else "the view has no price"
    return (
        Flow("Abandoned browse", "after 60 min", unsubscribed),
        Flow("Price drop", "when the price falls", unsubscribed or no_price),
    )
