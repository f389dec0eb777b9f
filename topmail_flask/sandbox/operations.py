"""The operations of the API: what each method and path does to the workspace."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from topmail_flask.sandbox.answers import Answer, ApiError, Json, invalid, success
from topmail_flask.sandbox.fields import (
    Field,
    amount,
    boolean,
    check_body,
    currency,
    email,
    mapping,
    one_of,
    text,
    url,
    uuid_text,
)
from topmail_flask.sandbox.records import Contact, Conversion, ReceivedRequest, timestamp
from topmail_flask.sandbox.workspace import Workspace


@dataclass(frozen=True)
class Call:
    """A request that was let in: its body is a JSON object, ``{}`` where none is expected."""

    request: ReceivedRequest
    body: Json = field(default_factory=dict)
    contact_id: str = ""


@dataclass(frozen=True)
class Outcome:
    """The answer to a call, and the view that it recorded, if any."""

    answer: Answer
    view_id: str | None = None


@dataclass(frozen=True)
class Operation:
    """One line of the API: who may call it and what it does."""

    permission: str
    perform: Callable[[Workspace, Call], Outcome]
    has_body: bool = False


_WHOSE = (Field("email", email), Field("contact_id", text(100)))
_PRODUCT_VIEW = (
    *_WHOSE,
    Field("product_id", text(100), required=True),
    Field("product_name", text(200), required=True),
    Field("product_url", url, required=True),
    Field("variant_id", text(100)),
    Field("image_url", url),
    Field("price", amount),
    Field("currency", currency),
    Field("category", text(100)),
    Field("brand", text(100)),
    Field("sku", text(100)),
    Field("session_id", text(100)),
)
_CONTACT = (
    Field("first_name", text(100)),
    Field("last_name", text(100)),
    Field("attributes", mapping),
    Field("subscribed", boolean),
    Field("list_id", uuid_text),
)
_CONVERSION = (
    *_WHOSE,
    Field("type", one_of("purchase", "signup", "upgrade", "custom")),
    Field("revenue", amount),
    Field("currency", currency),
    Field("order_id", text(100)),
    Field("campaign_id", uuid_text),
    Field("flow_id", uuid_text),
    Field("metadata", mapping),
)


def track_product_view(workspace: Workspace, call: Call) -> Outcome:
    """``POST /track/product-view``."""
    check_body(call.body, _PRODUCT_VIEW)
    contact = _contact_named(workspace, call.body)
    view = workspace.record_view(contact, call.body, call.request)
    shown = {
        "id": view.id,
        "contact_id": contact.id,
        "product_id": call.body["product_id"],
        "product_name": call.body["product_name"],
        "viewed_at": timestamp(view.time),
    }
    return Outcome(success(201, {"data": shown}), view.id)


def record_conversion(workspace: Workspace, call: Call) -> Outcome:
    """``POST /conversions``; a known ``order_id`` answers 200 with the first conversion."""
    check_body(call.body, _CONVERSION)
    contact = _contact_named(workspace, call.body)
    wanted = Conversion(
        id=str(uuid.uuid4()),
        number=call.request.number,
        time=workspace.clock(),
        contact_id=contact.id,
        email=contact.email,
        type=call.body.get("type", "custom"),
        revenue=call.body.get("revenue"),
        currency=call.body.get("currency", "USD"),
        order_id=call.body.get("order_id"),
        body=call.body,
    )
    kept = workspace.record_conversion(wanted)
    shown = {name: value for name, value in kept.as_json().items() if name in _CONVERSION_ANSWER}
    return Outcome(success(201 if kept is wanted else 200, {"data": shown}))


_CONVERSION_ANSWER = {
    *("id", "contact_id", "type", "revenue", "currency", "order_id", "created_at"),
}


def create_contact(workspace: Workspace, call: Call) -> Outcome:
    """``POST /contacts``."""
    check_body(call.body, (Field("email", email, required=True), *_CONTACT))
    contact = workspace.add_contact(**_contact_fields(call.body, ()))
    return Outcome(success(201, {"data": contact.as_json()}))


def list_contacts(workspace: Workspace, call: Call) -> Outcome:
    """``GET /contacts?search=…&subscribed=…&limit=…&offset=…``."""
    query = call.request.query
    limit = _whole_number(query, "limit", 100, 1, 1000)
    offset = _whole_number(query, "offset", 0, 0, 1_000_000_000)
    subscribed = query.get("subscribed")
    if subscribed not in {None, "true", "false"}:
        raise invalid("subscribed", "must be true or false")
    search = query.get("search", "").casefold()
    found = [
        contact
        for contact in workspace.contacts.values()
        if (subscribed is None or contact.subscribed == (subscribed == "true"))
        and search in f"{contact.email} {contact.first_name} {contact.last_name}".casefold()
    ]
    page = found[offset : offset + limit]
    return Outcome(
        success(
            200,
            {
                "data": [contact.as_json() for contact in page],
                "pagination": {
                    "total": len(found),
                    "limit": limit,
                    "offset": offset,
                    "has_more": offset + limit < len(found),
                },
            },
        )
    )


def show_contact(workspace: Workspace, call: Call) -> Outcome:
    """``GET /contacts/:id``."""
    return Outcome(success(200, {"data": _contact_at(workspace, call.contact_id).as_json()}))


def change_contact(workspace: Workspace, call: Call) -> Outcome:
    """``PATCH /contacts/:id``: the fields that are given; attributes merge."""
    contact = _contact_at(workspace, call.contact_id)
    check_body(call.body, (Field("email", email), *_CONTACT))
    given = _contact_fields(call.body, contact.lists)
    if "attributes" in given:
        given["attributes"] = {**contact.attributes, **given["attributes"]}
    changed = workspace.store_contact(replace(contact, **given))
    return Outcome(success(200, {"data": changed.as_json()}))


def delete_contact(workspace: Workspace, call: Call) -> Outcome:
    """``DELETE /contacts/:id``."""
    contact = _contact_at(workspace, call.contact_id)
    workspace.delete_contact(contact.id)
    return Outcome(success(200, {"data": {"id": contact.id, "deleted": True}}))


def _contact_fields(body: Json, lists: tuple[str, ...]) -> Json:
    fields = {name: value for name, value in body.items() if name != "list_id"}
    if "list_id" in body:
        fields["lists"] = tuple(dict.fromkeys((*lists, body["list_id"])))
    return fields


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


def _whole_number(
    query: Mapping[str, str], name: str, default: int, lowest: int, highest: int
) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) <= 10):
        raise invalid(name, "must be a whole number")
    if not lowest <= int(given) <= highest:
        raise invalid(name, f"must be between {lowest} and {highest}")
    return int(given)
