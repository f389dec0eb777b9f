"""Real pages of public repositories, with the products that a reader finds on them.

The corpus is third-party data beside the checkout and never part of the project (see conftest).
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from topmail_flask.extraction.extract import extract
from topmail_flask.model.product import Product

FOLDER = Path(os.environ.get("TESTS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
FIELDS = {
    "product_id": "id",
    "image": "image_url",
    "variant": "variant_id",
    **{name: name for name in ("sku", "name", "url", "price", "currency", "category", "brand")},
}


def records() -> list[dict[str, Any]]:
    manifest = FOLDER / "manifest.json"
    if not manifest.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["records"]
    return found


RECORDS = records()
EXPECTED = [record for record in RECORDS if record["expected"] and record["structured"]]
OTHERS = [record for record in RECORDS if not record["expected"]]


def product_of(record: dict[str, Any]) -> Product | None:
    html = (FOLDER / record["file"]).read_bytes()
    extraction = extract(html, record["page_url"], now=1.6e9)
    assert not [
        rejection
        for rejection in extraction.trace.rejected
        if rejection.why.startswith("could not be read:")
    ]
    assert (extraction.product is None) == (extraction.reason is not None)
    return extraction.product


def value(product: Product, field: str) -> object:
    found = getattr(product, FIELDS[field])
    return " ".join(found.split()) if isinstance(found, str) else found


def same(field: str, found: object, other: object) -> bool:
    if field == "price" and found is not None and other is not None:
        return Decimal(str(found)) == Decimal(str(other))
    return found == (" ".join(other.split()) if isinstance(other, str) else other)


def test_the_corpus_is_there(corpus: Path) -> None:
    assert corpus == FOLDER
    assert len(RECORDS) >= 75


@pytest.mark.parametrize("record", EXPECTED, ids=lambda record: str(record["id"]))
def test_a_real_product_page_shows_its_product(record: dict[str, Any]) -> None:
    product = product_of(record)
    assert product is not None
    for field, wrong in record["must_not"].items():
        for mistake in wrong:
            assert not same(field, value(product, field), mistake), f"{field} is {mistake}"
    # Absent is tolerable; wrong is not.
    for field in ("price", "currency", "product_id", "brand"):
        found = value(product, field)
        right = [record["expected"][field], *record["accept"].get(field, [])]
        if found is not None and right != [None]:
            assert any(same(field, found, value) for value in right), f"{field} is {found!r}"


@pytest.mark.parametrize("record", OTHERS, ids=lambda record: str(record["id"]))
def test_a_real_page_of_no_product_shows_none(record: dict[str, Any]) -> None:
    product = product_of(record)
    if product is not None:
        assert "product" in record["accept"].get("kind", ()), product
        for field, wrong in record["must_not"].items():
            assert not any(same(field, value(product, field), mistake) for mistake in wrong)
