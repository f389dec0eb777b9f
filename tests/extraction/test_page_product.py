"""Which product a page shows, and what a declared one gets from its page (R20 to R29, R34, R50)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.extraction.markup import MUG, PAGE, block, mug, page
from topmail_flask.extraction.extract import extract, may_hold_product
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

FULL = mug(image="/i/mug.jpg", brand="Acme", category="Mugs")
SHOP = "https://shop.example"


def product_of(html: str, url: str = PAGE, **options: Any) -> Product:
    extraction = extract(html, url, **options)
    assert extraction.product is not None, extraction
    return extraction.product


def test_the_gaps_of_a_declared_product_are_filled_from_its_page() -> None:
    extraction = extract(page(block(FULL)), PAGE, declared=Product("MUG-1", "My mug"))
    assert extraction.product == Product(
        "MUG-1",
        "My mug",
        PAGE,
        image_url=SHOP + "/i/mug.jpg",
        price="12.50",  # type: ignore[arg-type]  # machine text is taken
        currency="EUR",
        category="Mugs",
        brand="Acme",
        sku="MUG-1",
    )
    sources = {field.field: field.source for field in extraction.trace.fields}
    assert (sources["name"], sources["price"]) == ("declared", "json_ld")


def test_what_is_declared_is_never_overruled() -> None:
    declared = Product("MUG-1", "My mug", price=5, currency="USD", brand="Mine")  # type: ignore[arg-type]  # an int is taken
    product = product_of(page(block(FULL)), declared=declared)
    assert (product.name, str(product.price), product.currency) == ("My mug", "5", "USD")
    assert (product.brand, product.category) == ("Mine", "Mugs")


@pytest.mark.parametrize(
    "declared",
    [Product("2", "Cup"), Product("2", "Blue Mug", sku="MUG-2")],
)
def test_another_product_on_the_page_fills_nothing(declared: Product) -> None:
    html = page(block({**FULL, "url": PAGE}), head='<meta property="og:image" content="/logo.png">')
    product = product_of(html, declared=declared)
    assert (product.id, product.image_url, product.price, product.brand) == ("2", None, None, None)


def test_a_template_product_is_the_same_by_its_name() -> None:
    product = product_of(page(block(FULL)), template_product=Product("17", "blue mug"))
    assert (product.id, product.sku, str(product.price)) == ("17", "MUG-1", "12.50")


def test_a_declared_product_is_seen_on_any_page() -> None:
    listing = [mug(name=f"Mug {n}", sku=str(n), brand="Acme") for n in range(9)]
    for html in ("", "<p>no markup</p>", page(block(listing))):
        product = product_of(
            html, SHOP + "/c/mugs?page=2&email=a@b.example", declared=Product("3", "M")
        )
        assert (product.id, product.url) == ("3", SHOP + "/c/mugs")
    assert product.brand == "Acme"
    assert product_of("", SHOP + "/", declared=Product("3", "M")).id == "3"


def test_a_template_product_fills_the_gaps_of_a_declared_one() -> None:
    template = Product("1", "Mug", brand="Acme")
    product = product_of("", declared=Product("1", "Mug", sku="S"), template_product=template)
    assert (product.brand, product.sku) == ("Acme", "S")
    other = Product("2", "Cup", brand="Acme")
    assert product_of("", declared=Product("1", "Mug"), template_product=other).brand is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/p/1", "1"),
        ("/products/blue-mug", "blue-mug"),
        ("/products/blue-mug/?utm_source=x&ref=y", "blue-mug"),
        ("/collections/mugs/products/blue-mug", "blue-mug"),
        ("/app/d/blue-mug/7235216655.html", "7235216655"),
        ("/blue-mug/p", "blue-mug"),
        ("/catalog/product/view/id/42/s/blue-mug/", "42"),
        ("/product?id=42&utm_source=x", "42"),
        ("/index.php?route=product/product&product_id=41", "41"),
        ("/store/122725?pid=260591", "260591"),
        ("/p/blue-mug?id=affiliate", "blue-mug"),
        ("/t-shirt-c%C3%B4tel%C3%A9.html", "t-shirt-côtelé"),
        ("/p/" + "long-" * 30 + "p400105394.html", "p400105394"),
    ],
)
def test_a_product_without_an_id_takes_it_from_its_address(url: str, expected: str) -> None:
    assert product_of(page(block(mug(sku=None))), SHOP + url).id == expected


def test_an_id_is_never_guessed_from_an_address_that_does_not_tell_one() -> None:
    html = page(block(mug(sku=None)))
    assert extract(html, SHOP + "/product").reason is Reason.INCOMPLETE
    assert extract(html, SHOP + "/p/" + "long-" * 30).reason is Reason.ID_TOO_LONG


def test_the_shop_may_say_where_ids_come_from() -> None:
    node = mug(gtin13="4006381333931", productID="P")
    assert product_of(page(block(node))).id == "P"
    for kinds, expected in ((("gtin", "sku"), "4006381333931"), (("url",), "mug")):
        assert product_of(page(block(node)), settings=Settings(id_from=kinds)).id == expected


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        (SHOP + "/p/mug?utm_source=x", SHOP + "/p/mug"),
        ("http://www.shop.example/p/mug", "https://www.shop.example/p/mug"),
        ("/products/mug?pid=7", SHOP + "/products/mug?pid=7"),
        ("https://other.example/x", PAGE),
        (SHOP + "/", PAGE),
        ("", PAGE),
    ],
)
def test_the_canonical_address_is_the_products_if_it_can_be_right(
    canonical: str, expected: str
) -> None:
    html = page(block(mug()), head=f'<link href="{canonical}" rel="canonical">')
    assert product_of(html, PAGE + "?token=secret").url == expected


def test_an_address_keeps_what_names_the_product_and_nothing_else() -> None:
    html = page(block(mug()))
    assert product_of(html, SHOP + "/?product_id=12&token=x").url == SHOP + "/?product_id=12"
    escaped = page(block(mug(url="/p/mug?pid=1&amp;ref=x")))
    assert product_of(escaped, PAGE + "?pid=1").url == PAGE + "?pid=1"


@pytest.mark.parametrize("path", ["/cart", "/en/checkout/", "/search?q=mug", "/account/orders"])
def test_a_cart_or_a_search_is_no_product_page(path: str) -> None:
    html = page(block(mug()), title="Blue Mug")
    assert extract(html, SHOP + path).reason is Reason.LISTING
    assert extract(html, SHOP + "/p" + path).product is not None


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (mug(name=None), Reason.INCOMPLETE),
        (mug(name=" \n "), Reason.INCOMPLETE),
        (mug(name="\x07", sku="1"), Reason.INCOMPLETE),
        (mug(sku="a\x07b" + "c" * 99), Reason.ID_TOO_LONG),
        (mug(**{"@type": "Event"}), Reason.NO_PRODUCT),
        (mug(**{"@type": None}), Reason.NO_PRODUCT),
        ({"type": "Product", "name": "Mug", "id": "1"}, Reason.NO_PRODUCT),
        ({"@type": "Order", "orderedItem": [MUG]}, Reason.NO_PRODUCT),
        ({"@type": "Review", "itemReviewed": MUG}, Reason.NO_PRODUCT),
        ({"@type": "NewsArticle", "isPartOf": MUG}, Reason.NO_PRODUCT),
        ({"@type": "SearchResultsPage", "mainEntity": {"@type": "ItemList"}}, Reason.NO_PRODUCT),
    ],
)
def test_what_is_no_product_has_its_reason(node: Any, reason: Reason) -> None:
    assert extract(page(block(node)), PAGE).reason is reason


@pytest.mark.parametrize(
    "node",
    [
        {"@type": "ItemPage", "mainEntity": MUG},
        {"@type": "WebPage", "about": [MUG]},
        {"@type": "Offer", "price": 1, "priceCurrency": "EUR", "itemOffered": MUG},
        [[MUG]],
        {"@graph": [{"@graph": MUG}]},
    ],
)
def test_a_product_is_found_where_pages_put_it(node: Any) -> None:
    assert product_of(page(block(node))).id == "MUG-1"


def test_an_article_with_a_paywall_is_no_product_page() -> None:
    article = {"@type": "NewsArticle", "isAccessibleForFree": False, "isPartOf": {"@id": "#mag"}}
    paper = {"@type": ["CreativeWork", "Product"], "@id": "#mag", "name": "Mag", "productID": "m:1"}
    html = page(block({"@graph": [article, paper]}), title="Story | Mag")
    assert extract(html, SHOP + "/story").reason is Reason.NO_PRODUCT
    review = page(block({"@type": "BlogPosting"}, mug()), title="Blue Mug: a review")
    assert extract(review, SHOP + "/blog/mug").reason is Reason.NO_PRODUCT


def test_products_of_one_name_on_one_page_are_its_sizes() -> None:
    sizes = [mug(sku=f"MUG-{size}", offers={**MUG["offers"], "url": PAGE}) for size in "SML"]
    assert product_of(page(block(sizes))).id == "MUG-S"
    chosen = product_of(page(block(sizes)), PAGE + "?sku=MUG-L")
    assert (chosen.id, chosen.variant_id) == ("MUG-S", "MUG-L")


def test_the_same_text_in_the_pages_language_is_taken() -> None:
    names = [{"@value": "Tasse", "@language": "de"}, {"@value": "Mug", "@language": "en-GB"}]
    html = page(block(mug(name=names)))
    assert product_of(html).name == "Mug"
    assert product_of(html.replace("lang=en", 'lang="de-AT"')).name == "Tasse"
    assert product_of(html.replace("lang=en", "lang=fr")).name == "Tasse"


@pytest.mark.parametrize(
    "html",
    [b"", b"<html><body>hello</body></html>", b'<meta property="og:type" content="website">'],
)
def test_a_page_without_markers_is_not_read(html: bytes) -> None:
    assert not may_hold_product(html)
    assert extract(html, PAGE).reason is Reason.NO_PRODUCT


def test_every_field_is_traced_to_its_source() -> None:
    extraction = extract(page(block(FULL)), PAGE)
    assert [
        (field.field, field.source, field.raw, field.value) for field in extraction.trace.fields
    ] == [
        ("name", "json_ld", "Blue Mug", "Blue Mug"),
        ("brand", "json_ld", "Acme", "Acme"),
        ("category", "json_ld", "Mugs", "Mugs"),
        ("image_url", "json_ld", "/i/mug.jpg", SHOP + "/i/mug.jpg"),
        ("price", "json_ld", "12.50", "12.50"),
        ("currency", "json_ld", "EUR", "EUR"),
        ("sku", "json_ld", "MUG-1", "MUG-1"),
        ("id", "json_ld", "sku: MUG-1", "MUG-1"),
        ("url", "request", PAGE, PAGE),
    ]


def test_an_answer_given_before_is_given_again_only_to_the_same_question() -> None:
    html = page(block({**FULL, "url": PAGE, "offers": {**MUG["offers"], "sku": "A"}}))
    first = extract(html, PAGE, now=0)
    assert extract(html, PAGE, now=1) == first
    assert extract(html, PAGE + "?page=2", now=0).product == first.product
    dear = extract(html.replace("12.50", "13.50"), PAGE, now=0)
    assert dear.product is not None
    assert str(dear.product.price) == "13.50"
    other = extract(html, PAGE, now=0, settings=Settings(id_from=("url",)))
    assert other.product is not None
    assert other.product.id == "mug"
    ended = {**MUG["offers"], "price": "9", "priceValidUntil": "2024-01-01"}
    sale = page(block({**FULL, "url": PAGE, "offers": [ended, MUG["offers"]]}))
    for now, expected in ((1.70e9, "9.00"), (1.71e9, "12.50")):
        product = product_of(sale, now=now)
        assert str(product.price) == expected


def test_an_offer_beside_the_product_that_it_names_is_its_offer() -> None:
    offer = {"@type": "Offer", "price": "12.50", "priceCurrency": "EUR"}
    bare = mug(offers=None, **{"@id": "#mug"})
    for name in ("#mug", "#another"):
        graph = {"@graph": [bare, {**offer, "itemOffered": {"@id": name}}]}
        product = extract(page(block(graph)), PAGE).product
        assert product is not None
        assert product.price == (Decimal("12.50") if name == "#mug" else None)
