"""Pages of a shop that tempt the rules, each named by what it shows: found, or no view."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.extraction.lamps import HERE, OFFER, SHOP, found, item, lamp, page, table
from tests.extraction.markup import block

ANSWER = {"@type": "Answer", "text": "Yes."}
QUESTION = {"@type": "Question", "name": "Is the Arc Lamp dimmable?", "acceptedAnswer": ANSWER}
SHIPPING = {"@type": "OfferShippingDetails", "shippingRate": {"value": "4.90", "currency": "EUR"}}
SPEC = {"@type": "UnitPriceSpecification", "price": "49.90", "priceCurrency": "EUR"}
PER_HOUR = {**SPEC, "price": "0.50", "referenceQuantity": {"value": "1", "unitCode": "HUR"}}


def typed(kind: str, **properties: Any) -> dict[str, Any]:
    return {"@context": "https://schema.org", "@type": kind, **properties}


def listed(*nodes: dict[str, Any]) -> dict[str, Any]:
    return typed(
        "ItemList", itemListElement=[{"@type": "ListItem", "item": node} for node in nodes]
    )


def rated(name: str) -> str:
    """A product that is nothing but a name and its stars."""
    return block(lamp(name=name, sku=None, offers=None, aggregateRating={"ratingValue": 5}))


VIEWS: dict[str, str] = {
    "questions and answers beside": page(block(lamp(), typed("FAQPage", mainEntity=[QUESTION]))),
    "a video and instructions beside": page(
        block(typed("VideoObject", name="Arc Lamp"), typed("HowTo", name="Build it"), lamp())
    ),
    "an offer that stands apart, by its id": page(
        block({"@graph": [lamp(offers={"@id": "#o"}), {**OFFER, "@id": "#o"}]})
    ),
    "an aggregate of one price": page(
        block(
            lamp(
                offers=typed(
                    "AggregateOffer", lowPrice="49.90", highPrice="49.90", priceCurrency="EUR"
                )
            )
        )
    ),
    "the price of the shipping": page(block(lamp(offers={**OFFER, "shippingDetails": SHIPPING}))),
    "others who bought it bought": page(block(listed(table(1), table(2)), lamp())),
    "a pre-order": page(block(lamp(offers={**OFFER, "availability": "PreOrder"}))),
    "the cost of an hour of light": page(
        block(lamp(offers={"@type": "Offer", "priceSpecification": [PER_HOUR, SPEC]}))
    ),
    "a price as people write it": page(block(lamp(offers={**OFFER, "price": "49,90 €"}))),
    "the theme and a plug-in, each with the product": page(
        block(lamp(**{"@id": "#theme"}), lamp(url=SHOP + HERE + "/", **{"@id": "#plugin"}))
    ),
    "the shop and its rating": page(
        block(typed("OnlineStore", name="Lichthaus", aggregateRating={"ratingValue": 4.9}), lamp())
    ),
    "teasers in microdata below": page(
        block(lamp(url=SHOP + HERE)), item("Table 1"), item("Table 2"), item("Table 3")
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_product_is_found_beside(name: str) -> None:
    product = found(VIEWS[name])
    assert product is not None
    assert (product.id, product.price) == ("AL-1", Decimal("49.90"))


NO_VIEWS: dict[str, tuple[str, str]] = {
    "what was bought": ("/checkout/onepage/success", page(block(lamp()), h1="Thank you")),
    "a featured product of a category": (
        "/collections/lamps",
        page(block(lamp(url=SHOP + HERE)), h1="Lamps", title="Lamps | Lichthaus"),
    ),
    "a product in a text about many": (
        "/blog/how-to-choose-a-lamp",
        page(
            block(typed("BlogPosting", headline="How to choose a lamp"), lamp()),
            h1="How to choose a lamp",
            title="How to choose a lamp | Lichthaus",
        ),
    ),
    "the only result of a search": (
        "/search?q=arc",
        page(item("Arc Lamp"), h1="Results for arc", title="Search | Lichthaus"),
    ),
    "a page that is not there": (
        "/lamps/gone",
        page(block(lamp(url=SHOP + HERE)), h1="Page not found", title="Not found | Lichthaus"),
    ),
    "the hero of the front page": ("/", page(block(lamp()))),
    "the makers of a shop": (
        "/stores/berlin",
        page(
            block(
                typed("LocalBusiness", name="Lichthaus Berlin", makesOffer={"itemOffered": lamp()})
            ),
            h1="Lichthaus Berlin",
        ),
    ),
    "a prize in the press": (
        "/press/2026",
        page(item("Arc Lamp"), h1="Design prize", title="Press | Lichthaus", og__type="article"),
    ),
    "a quick view that waits in a template": (
        "/pages/size-guide",
        page(f"<template>{item('Arc Lamp')}</template>", h1="Size guide", title="Size guide"),
    ),
    "two that are compared in the heading": (
        "/guide/which",
        page(block(lamp(), table(1)), h1="Arc Lamp vs Table 1", title="Arc Lamp vs Table 1"),
    ),
    "one of two that the heading begins with": (
        "/guide/which",
        page(block(lamp(), table(1)), h1="Arc Lamp or a table?", title="Guide"),
    ),
    "several that the heading names": (
        "/things",
        page(block(lamp(), table(1)), h1="Arc lamp, table 1 and more", title="Things"),
    ),
    "a category of one, whose card has no link": (
        "/lighting",
        page(block(lamp()), "<h2>Arc Lamp</h2>", h1="Lighting", title="Lighting | Lichthaus"),
    ),
    "a card whose link is for a script": (
        "/things",
        page(item("Arc Lamp", '<a itemprop="url" href="#">Look</a>'), h1="Things", title="Things"),
    ),
    "cards whose links are for a script": (
        "/things",
        page(
            *(item(f"Lamp {n}", f'<a itemprop="url" href="#{n}">Look</a>') for n in range(3)),
            h1="Things",
            title="Things",
        ),
    ),
    "a word that holds the beginning of its id": (
        "/where",
        page(block(lamp(sku="CK-1")), h1="Track your order", title="Orders | Lichthaus"),
    ),
    "a search for its very name": (
        "/find/arc-lamp",
        page(block(typed("SearchResultsPage"), lamp())),
    ),
    "a question about it": (
        "/questions/1",
        page(
            block(typed("QAPage", mainEntity=QUESTION), lamp()),
            h1="Is the Arc Lamp dimmable?",
            title="Q",
        ),
    ),
    "a page that is not there, with its card below": (
        "/p/gone",
        page(
            block(lamp()), '<a href="/l/1"><h3>Arc Lamp</h3></a>', h1="Not found", title="Not found"
        ),
    ),
    "a shop that rates itself as a product": (
        "/about",
        page(rated("Lichthaus"), h1="About Lichthaus", title="About Lichthaus | Lichthaus"),
    ),
    "a guide that is rated as a product": (
        "/guides/descale",
        page(rated("Descaling"), h1="Descaling", title="Descaling | Lichthaus"),
    ),
    "the quick view of a list": (
        "/lamps",
        page(item("Lamp 1"), h1="Lamps", title="Lamps | Lichthaus"),
    ),
    "two that are compared": ("/compare", page(block(lamp(), table(1)), h1="Compare")),
}


@pytest.mark.parametrize("name", NO_VIEWS)
def test_no_view_is_made_of(name: str) -> None:
    path, html = NO_VIEWS[name]
    assert found(html, path) is None
