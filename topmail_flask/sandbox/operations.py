"""The operations of the API: what each method and path takes, and what it does to the workspace."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from topmail_flask.sandbox.assumptions import Assumptions
from topmail_flask.sandbox.contract import (
    ApiError,
    ApiResponse,
    Check,
    Json,
    amount,
    boolean,
    check_body,
    currency,
    email,
    invalid,
    mapping,
    one_of,
    success,
    text,
    url,
    uuid_text,
)
from topmail_flask.sandbox.records import (
    Automation,
    AutomationRun,
    Contact,
    Conversion,
    ReceivedRequest,
    Record,
    timestamp,
)
from topmail_flask.sandbox.workspace import Workspace

_ID = text(100)
_CONVERSION_TYPES = ("purchase", "signup", "upgrade", "custom")
_WHO: Mapping[str, Check] = {"email": email, "contact_id": _ID}
_VIEW: Mapping[str, Check] = {
    **_WHO,
    "product_id": text(100),
    "product_name": text(200),
    "product_url": url,
    "variant_id": text(100),
    "image_url": url,
    "price": amount,
    "currency": currency,
    "category": text(100),
    "brand": text(100),
    "sku": text(100),
    "session_id": text(100),
}
_CONTACT: Mapping[str, Check] = {
    "email": email,
    "first_name": text(100),
    "last_name": text(100),
    "attributes": mapping,
    "subscribed": boolean,
    "list_id": uuid_text,
}
_CONVERSION: Mapping[str, Check] = {
    **_WHO,
    "type": one_of(*_CONVERSION_TYPES),
    "revenue": amount,
    "currency": currency,
    "order_id": text(100),
    "campaign_id": uuid_text,
    "flow_id": uuid_text,
    "attribution_model": text(100),
    "metadata": mapping,
}
_TRIGGER: Mapping[str, Check] = {**_WHO, "trigger_data": mapping}
_AUTOMATION: Mapping[str, Check] = {"name": text(200), "status": one_of("active", "paused")}


@dataclass(frozen=True)
class Call:
    """A request that was let in: its body is a JSON object, ``{}`` where none is expected.

    ``id`` is what its path names: a contact or an automation.
    """

    request: ReceivedRequest
    assumptions: Assumptions
    body: Json = field(default_factory=dict)
    id: str = ""

    def check(self, fields: Mapping[str, Check], *required: str) -> None:
        """Raise :class:`ApiError` (400) for a field of the body that is wrong or missing."""
        check_body(self.body, fields, required, strict=not self.assumptions.unknown_fields)


@dataclass(frozen=True)
class Outcome:
    """The response to a call, and what it left behind, if anything."""

    response: ApiResponse
    record: Record | None = None


@dataclass(frozen=True)
class Operation:
    """One line of the API: which permission it needs and what it does."""

    permission: str
    perform: Callable[[Workspace, Call], Outcome]


def track_product_view(workspace: Workspace, call: Call) -> Outcome:
    """``POST /track/product-view``."""
    call.check(_VIEW, "product_id", "product_name", "product_url")
    view = workspace.record_view(_record_fields(workspace, call), call.request)
    shown = {
        "id": view.id,
        "contact_id": view.contact_id,
        "product_id": call.body["product_id"],
        "product_name": call.body["product_name"],
        "viewed_at": timestamp(view.time),
    }
    return Outcome(success(call.assumptions.view_status, shown), view)


def record_conversion(workspace: Workspace, call: Call) -> Outcome:
    """``POST /conversions``; a known ``order_id`` answers 200 with the first conversion."""
    call.check(_CONVERSION)
    wanted = Conversion(
        **_record_fields(workspace, call),
        type=call.body.get("type", "custom"),
        revenue=call.body.get("revenue"),
        currency=call.body.get("currency", "USD"),
        order_id=call.body.get("order_id"),
    )
    ends_flows = wanted.type == "purchase" and call.assumptions.purchase_ends_flows
    kept = workspace.record_conversion(wanted, ends_flows=ends_flows)
    status = 201 if kept is wanted else 200
    return Outcome(success(status, _shown_conversion(kept)), kept if kept is wanted else None)


def list_conversions(workspace: Workspace, call: Call) -> Outcome:
    """``GET /conversions?limit=…&offset=…&contact_id=…&campaign_id=…&type=…``."""
    query = call.request.arguments
    wanted = {
        (name, query[name]) for name in ("contact_id", "campaign_id", "type") if name in query
    }
    found = []
    for each in workspace.conversions.values():
        values = {**each.body, "contact_id": each.contact_id, "type": each.type}
        if all(values.get(name) == value for name, value in wanted):
            found.append(_shown_conversion(each))
    return _page(found, query)


def create_contact(workspace: Workspace, call: Call) -> Outcome:
    """``POST /contacts``."""
    call.check(_CONTACT, "email")
    contact = workspace.add_contact(**_contact_fields(call.body, ()))
    return Outcome(success(201, contact.as_json()))


def list_contacts(workspace: Workspace, call: Call) -> Outcome:
    """``GET /contacts?search=…&subscribed=…&limit=…&offset=…``."""
    query = call.request.arguments
    subscribed = query.get("subscribed")
    if subscribed not in {None, "true", "false"}:
        raise invalid("subscribed", "must be true or false")
    search = query.get("search", "").casefold()
    found = [
        contact.as_json()
        for contact in workspace.contacts.values()
        if (subscribed is None or contact.subscribed == (subscribed == "true"))
        and search in f"{contact.email} {contact.first_name} {contact.last_name}".casefold()
    ]
    return _page(found, query)


def show_contact(workspace: Workspace, call: Call) -> Outcome:
    """``GET /contacts/:id``."""
    return Outcome(success(200, _contact_at(workspace, call.id).as_json()))


def change_contact(workspace: Workspace, call: Call) -> Outcome:
    """``PATCH /contacts/:id``: the fields that are given; attributes merge."""
    contact = _contact_at(workspace, call.id)
    call.check(_CONTACT)
    given = _contact_fields(call.body, contact.lists)
    if "attributes" in given:
        given["attributes"] = {**contact.attributes, **given["attributes"]}
    changed = workspace.store_contact(replace(contact, **given))
    return Outcome(success(200, changed.as_json()))


def delete_contact(workspace: Workspace, call: Call) -> Outcome:
    """``DELETE /contacts/:id``."""
    contact = _contact_at(workspace, call.id)
    workspace.delete_contact(contact.id)
    return Outcome(success(200, {"id": contact.id, "deleted": True}))


def list_automations(workspace: Workspace, call: Call) -> Outcome:
    """``GET /automations?status=…&limit=…&offset=…``."""
    query = call.request.arguments
    status = query.get("status")
    known = workspace.automations.values()
    return _page([vars(each) for each in known if status in {None, each.status}], query)


def show_automation(workspace: Workspace, call: Call) -> Outcome:
    """``GET /automations/:id``."""
    return Outcome(success(200, vars(_automation_at(workspace, call.id))))


def change_automation(workspace: Workspace, call: Call) -> Outcome:
    """``PATCH /automations/:id``: its name, or its status ``active`` or ``paused``."""
    automation = _automation_at(workspace, call.id)
    call.check(_AUTOMATION)
    workspace.automations[automation.id] = changed = replace(
        automation, **{name: call.body[name] for name in _AUTOMATION if name in call.body}
    )
    workspace.note("automations")
    return Outcome(success(200, vars(changed)))


def trigger_automation(workspace: Workspace, call: Call) -> Outcome:
    """``POST /automations/:id/trigger``: start an automation for one contact."""
    call.check(_TRIGGER)
    record = _record_fields(workspace, call)
    automation = _automation_at(workspace, call.id)
    workspace.automations.setdefault(automation.id, automation)
    skipped = None
    if automation.status == "paused":
        skipped = "the automation is paused"
    elif not workspace.contacts[record["contact_id"]].subscribed:
        skipped = "the contact is not subscribed"
    run = AutomationRun(
        **record, automation_id=automation.id, automation=automation.name, skipped=skipped
    )
    workspace.record_run(run)
    shown = {"id": run.id, "automation_id": automation.id, "contact_id": run.contact_id}
    return Outcome(success(201, {**shown, "status": "skipped" if skipped else "started"}), run)


def _record_fields(workspace: Workspace, call: Call) -> Json:
    contact = _contact_named(workspace, call.body)
    return {
        "id": str(uuid.uuid4()),
        "number": call.request.number,
        "time": workspace.clock(),
        "contact_id": contact.id,
        "email": contact.email,
        "body": call.body,
    }


def _contact_fields(body: Json, lists: tuple[str, ...]) -> Json:
    fields = {name: body[name] for name in _CONTACT if name in body and name != "list_id"}
    if "list_id" in body:
        fields["lists"] = tuple(dict.fromkeys((*lists, body["list_id"])))
    return fields


def _shown_conversion(conversion: Conversion) -> Json:
    shown = ("id", "contact_id", "type", "revenue", "currency", "order_id", "created_at")
    values = conversion.as_json()
    return {name: values[name] for name in shown}


def _contact_named(workspace: Workspace, body: Json) -> Contact:
    """Return the contact of a body; where both are given, the id decides."""
    if "contact_id" in body:
        contact = workspace.contacts.get(body["contact_id"])
        if contact is None and uuid_text(body["contact_id"]) is not None:
            raise invalid("contact_id", "must be a UUID")
    elif "email" in body:
        contact = workspace.find_contact(body["email"])
    else:
        raise invalid("email", "or contact_id is required")
    if contact is None:
        raise ApiError(
            404, "contact_not_found", "The contact does not exist: create it with POST /contacts"
        )
    return contact


def _contact_at(workspace: Workspace, contact_id: str) -> Contact:
    contact = workspace.contacts.get(contact_id)
    if contact is None:
        raise ApiError(404, "contact_not_found", "There is no contact with this id")
    return contact


def _automation_at(workspace: Workspace, automation_id: str) -> Automation:
    automation = workspace.automations.get(automation_id)
    if automation is None and workspace.knows_any_automation:
        return Automation(automation_id, automation_id)
    if automation is None:
        raise ApiError(404, "not_found", "There is no automation with this id")
    return automation


def _page(found: list[Any], query: Mapping[str, str]) -> Outcome:
    limit = _whole_number(query, "limit", 100, 1, 1000)
    offset = _whole_number(query, "offset", 0, 0, 1_000_000_000)
    pagination = {
        "total": len(found),
        "limit": limit,
        "offset": offset,
        "has_more": offset + limit < len(found),
    }
    return Outcome(success(200, found[offset : offset + limit], pagination=pagination))


def _whole_number(
    query: Mapping[str, str], name: str, default: int, lowest: int, highest: int
) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) <= 10):
        raise invalid(name, "must be a whole number")
    if not lowest <= int(given) <= highest:
        raise invalid(name, f"must be between {lowest} and {highest}")
    return int(given)


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/track/product-view"): Operation("", track_product_view),
    ("POST", "/conversions"): Operation("conversions:write", record_conversion),
    ("GET", "/conversions"): Operation("conversions:read", list_conversions),
    ("POST", "/contacts"): Operation("contacts:write", create_contact),
    ("GET", "/contacts"): Operation("contacts:read", list_contacts),
    ("GET", "/contacts/<id>"): Operation("contacts:read", show_contact),
    ("PATCH", "/contacts/<id>"): Operation("contacts:write", change_contact),
    ("DELETE", "/contacts/<id>"): Operation("contacts:delete", delete_contact),
    ("GET", "/automations"): Operation("flows:read", list_automations),
    ("GET", "/automations/<id>"): Operation("flows:read", show_automation),
    ("PATCH", "/automations/<id>"): Operation("flows:write", change_automation),
    ("POST", "/automations/<id>/trigger"): Operation("flows:write", trigger_automation),
}
"""By method and path. Which permission a view needs is one of the assumptions."""
