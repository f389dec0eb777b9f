"""What a checkout tells of an order."""

from __future__ import annotations

from typing import Any

from flask import render_template_string, request

from tests.golden.cases import case
from tests.golden.store import ANN, BOB, Store
from tests.golden.templates import PAGE, TEA


def checkout(store: Store, **how: Any) -> None:
    """A store that sells."""
    store.open(**how)

    def buy() -> str:
        store.topmail.track_purchase(
            request.form["order"],
            revenue=request.form.get("revenue"),
            currency=request.form.get("currency"),
            shopper=request.form.get("email"),
        )
        return "Thank you"

    store.page("/checkout", buy, methods=["POST"])
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))


FORMS: dict[str, dict[str, str]] = {
    "an order": {"order": "A-7"},
    "an order with its sum": {"order": "A-7", "revenue": "19.99", "currency": "EUR"},
    "a sum without a currency": {"order": "A-7", "revenue": "19.99"},
    "a sum below zero": {"order": "A-7", "revenue": "-1", "currency": "EUR"},
    "no number": {"order": ""},
    "a number that is too long": {"order": "1" * 101},
    "an order of a guest": {"order": "A-7", "email": BOB},
    "an order of nobody": {"order": "A-7", "email": "not an address"},
}

for form_name, form in FORMS.items():

    @case("purchases", form_name)
    def visit_form(store: Store, form: dict[str, str] = form) -> None:
        checkout(store)
        store.post("/checkout", data=form)


def bought(
    name: str, headers: dict[str, str] | None = None, who: str | None = ANN, **how: Any
) -> None:
    @case("purchases", name)
    def visit(store: Store) -> None:
        checkout(store, **how)
        store.shopper = who
        store.post("/checkout", data={"order": "A-7"}, headers=headers or {})


bought("a buyer whom nobody knows", who=None)
bought("a buyer who wants privacy", {"Sec-GPC": "1"})
bought("a buyer who never agreed", consent="opt-in")
bought("a robot that buys", {"User-Agent": "Googlebot/2.1"})
bought("a sample that holds nobody", sample_rate=0)
bought("a currency of the store", currency="EUR")
bought("a store without a key", api_key=None)


@case("purchases", "a view, the order, and the order again")
def visit_order(store: Store) -> None:
    checkout(store)
    store.get()
    for _ in range(2):
        store.post("/checkout", data={"order": "A-7", "revenue": "5", "currency": "EUR"})


@case("purchases", "an order outside of a request")
def visit_job(store: Store) -> None:
    checkout(store)
    with store.app.app_context():
        store.topmail.track_purchase("A-7", shopper=BOB, revenue=5, currency="EUR")
