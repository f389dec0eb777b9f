"""``/_sandbox/…``: what tests, and the page itself, read and steer as JSON."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from topmail_flask.sandbox.answers import ApiError, Json
from topmail_flask.sandbox.faults import Faults, Order
from topmail_flask.sandbox.fields import email as check_email
from topmail_flask.sandbox.fields import read_body
from topmail_flask.sandbox.records import ReceivedRequest
from topmail_flask.sandbox.workspace import Workspace


def control_endpoints(
    workspace: Workspace, faults: Faults, order: Callable[[Order], None]
) -> Blueprint:
    """Return the JSON endpoints. Each ``POST`` must be ``application/json``.

    That keeps other sites' pages out: a browser asks before it sends JSON across origins.
    """
    control = Blueprint("control", __name__, url_prefix="/_sandbox")

    def views() -> list[Json]:
        return [view.as_json() for view in workspace.views.values()]

    def contacts() -> list[Json]:
        return [contact.as_json() for contact in workspace.contacts.values()]

    def rejected() -> list[Json]:
        return _shown([each for each in workspace.requests.values() if each.rejected])

    def order_in_force() -> Json:
        return faults.order.as_json()

    @control.get("/state")
    def show_state() -> ResponseReturnValue:
        with workspace.changed:
            return jsonify(
                counters=dict(workspace.counters),
                contacts=contacts(),
                views=views(),
                conversions=[each.as_json() for each in workspace.conversions.values()],
                rejected=rejected(),
                requests=_shown(list(workspace.requests.values())),
                faults=order_in_force(),
            )

    @control.get("/views")
    def show_views() -> ResponseReturnValue:
        with workspace.changed:
            return jsonify(views())

    @control.get("/rejected")
    def show_rejected() -> ResponseReturnValue:
        with workspace.changed:
            return jsonify(rejected())

    @control.get("/contacts")
    def show_contacts() -> ResponseReturnValue:
        with workspace.changed:
            return jsonify(contacts())

    @control.post("/contacts")
    def seed_contacts() -> ResponseReturnValue:
        emails = _body().get("emails")
        if not isinstance(emails, list) or any(check_email(each) for each in emails):
            return _wrong('send {"emails": ["shopper@example.com", …]}')
        with workspace.changed:
            for each in emails:
                if workspace.find_contact(each) is None:
                    workspace.add_contact(each)
            return jsonify(contacts())

    @control.get("/faults")
    def show_faults() -> ResponseReturnValue:
        return jsonify(order_in_force())

    @control.post("/faults")
    def order_faults() -> ResponseReturnValue:
        try:
            order(Order.read(_body()))
        except ValueError as error:
            return _wrong(str(error))
        return jsonify(order_in_force())

    @control.post("/reset")
    def reset() -> ResponseReturnValue:
        keep_contacts = _body().get("keep_contacts") is True
        order(Order())
        workspace.clear(keep_contacts=keep_contacts)
        return jsonify(reset=True)

    @control.errorhandler(ApiError)
    def refuse(error: ApiError) -> ResponseReturnValue:
        return _wrong(error.message)

    return control


def _body() -> Json:
    """Return the request's JSON object; nothing at all counts as an empty one."""
    return read_body(request.get_data() or b"{}", request.headers.get("Content-Type", ""))


def _shown(requests: list[ReceivedRequest]) -> list[dict[str, Any]]:
    return [each.as_json() for each in requests]


def _wrong(message: str) -> ResponseReturnValue:
    return jsonify(error={"message": message}), 400
