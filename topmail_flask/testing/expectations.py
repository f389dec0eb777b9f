"""What a test expects of a view, and what is different."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypedDict

from topmail_flask.model.events import Conversion, Event, ProductView, Purchase, Trigger
from topmail_flask.model.product import PRODUCT_FIELDS
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper


class Expected(TypedDict, total=False):
    """The fields of a :class:`~topmail_flask.Product` by name; None: the view has none.

    A price is a number or its text, and compared as one: ``"9.9"`` equals 9.90.
    """

    name: str
    url: str
    variant_id: str | int | None
    image_url: str | None
    price: Decimal | int | float | str | None
    currency: str | None
    category: str | None
    brand: str | None
    sku: str | int | None


def checked(fields: Mapping[str, object]) -> dict[str, object]:
    """The expected fields; a price as a Decimal.

    :raises TypeError: a product has no such field, or the price is no number.
    """
    expected = dict(fields)
    for field in expected:
        if field not in PRODUCT_FIELDS:
            raise TypeError(f"a product has no field {field!r}{_guess(field, PRODUCT_FIELDS)}")
    price = expected.get("price")
    if price is not None:
        expected["price"] = _number("price", price)
    return expected


def checked_reason(reason: str) -> Reason:
    """The member of the closed list.

    :raises ValueError: there is no such reason.
    """
    for known in Reason:
        if known == reason:
            return known
    raise ValueError(f"{reason!r} is no reason{_guess(reason, Reason)}")


def name_of(shopper: Shopper | str | None) -> str:
    """The shopper in the text of a failing test, and nowhere else."""
    if isinstance(shopper, Shopper):
        return shopper.email or f"contact {shopper.contact_id}"
    return shopper or "nobody"


def is_of(view: Event, shopper: Shopper | str) -> bool:
    """Whether it is this shopper's; text is an e-mail address or a contact id."""
    seen_by = view.shopper
    if seen_by is None:
        return False
    if isinstance(shopper, Shopper):
        return seen_by.identity == shopper.identity
    return shopper == seen_by.contact_id or shopper.casefold() == (seen_by.email or "").casefold()


def differences(
    view: ProductView, shopper: Shopper | str | None, expected: Mapping[str, object]
) -> list[str]:
    """All that is not as expected, in words."""
    other = [] if shopper is None or is_of(view, shopper) else [f"seen by {name_of(view.shopper)}"]
    return other + [
        f"{field} is {_shown(value)}, not {_shown(wanted)}"
        for field, wanted in expected.items()
        if not _equal(value := getattr(view.product, field), wanted)
    ]


def event_differences(
    event: Purchase | Conversion | Trigger,
    shopper: Shopper | str | None,
    expected: Mapping[str, object],
) -> list[str]:
    """All that is not as expected of what is no view, in words.

    :raises TypeError: the expected revenue is no number.
    """
    named = {name: value for name, value in expected.items() if value is not None}
    if "revenue" in named:
        named["revenue"] = _number("revenue", named["revenue"])
    other = []
    if shopper is not None and not is_of(event, shopper):
        other = [f"was made by {name_of(event.shopper)}"]
    return other + [
        f"has {field} {_shown(value)}, not {_shown(wanted)}"
        for field, wanted in named.items()
        if not _equal(value := getattr(event, field), wanted)
    ]


def _number(field: str, value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise TypeError(f'{field}={value!r} is no number: write "9.99"') from None


def _equal(value: object, wanted: object) -> bool:
    if value is None or wanted is None or isinstance(value, (Decimal, dict)):
        return value == wanted
    return str(value) == str(wanted)


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal) or value is None else repr(value)


def _guess(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [str(name) for name in known], n=1)
    return f": did you mean {near[0]!r}?" if near else ""
