"""Pages that have one product in their markup and are about something else."""

from __future__ import annotations

import pytest

from tests.extraction.markup import PAGE, block, card, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.reasons import Reason

SHOP = "https://shop.example"


@pytest.mark.parametrize(
    "path",
    [
        "/warenkorb",
        "/fr/panier",
        "/shop/cart",
        "/kasse",
        "/checkouts/cn/1/thank_you",
        "/catalogsearch/result/?q=mug",
        "/suche?q=becher",
        "/merkzettel",
        "/catalog/product_compare/index/",
        "/my-account/orders/12",
        "/order-confirmation/99",
    ],
)
def test_carts_searches_and_accounts_show_no_product_in_any_language(path: str) -> None:
    assert extract(page(block(mug()), title="Blue Mug"), SHOP + path).reason is Reason.LISTING


@pytest.mark.parametrize("path", ["/p/cart", "/books/thank-you", "/bag/tote", "/products/search"])
def test_goods_may_be_called_like_a_cart(path: str) -> None:
    assert extract(page(block(mug()), title="Blue Mug"), SHOP + path).product is not None


LISTINGS = [
    "/collections/mugs",
    "/de/kategorie/tassen",
    "/brand/nord",
    "/blog/5-mugs",
    "/goods?q=x",
]


@pytest.mark.parametrize("path", LISTINGS)
def test_the_only_product_of_a_listing_is_not_what_the_page_is_about(path: str) -> None:
    assert extract(page(block(mug()), title="Sale"), SHOP + path).reason is Reason.LISTING


@pytest.mark.parametrize("path", LISTINGS)
def test_a_product_page_below_a_category_is_one_if_its_title_or_address_says_so(path: str) -> None:
    assert extract(page(block(mug()), title="Blue Mug - Shop"), SHOP + path).product is not None
    own = page(block(mug(url=SHOP + path)), title="Sale")
    assert extract(own, SHOP + path).product is not None
    metas = '<meta property="og:type" content="product"><meta property="og:title" content="Mug">'
    price = '<meta property="product:price:amount" content="9">'
    assert extract(page(block(mug()), head=metas + price), SHOP + path).product is not None


def test_a_product_below_a_collection_of_shopify_needs_no_such_proof() -> None:
    address = SHOP + "/collections/mugs/products/blue-mug"
    assert extract(page(block(mug()), title="Shop"), address).product is not None


def test_a_title_names_a_product_by_whole_words_only() -> None:
    node = mug(name="Mug", url=SHOP + "/p/other")
    assert extract(page(block(node), title="Mugs - Shop"), PAGE).product is None
    assert extract(page(block(node), title="Mug - Shop"), PAGE).product is not None
    japanese = mug(name="青いマグ", url=SHOP + "/p/other")
    assert extract(page(block(japanese), title="青いマグの通販"), PAGE).product is not None


def test_a_page_that_calls_itself_an_article_shows_a_product_only_if_it_is_its_title() -> None:
    article = '<meta property="og:type" content="article">'
    assert extract(page(block(mug()), head=article, title="Best of"), PAGE).product is None
    assert extract(page(block(mug()), head=article, title="Blue Mug"), PAGE).product is not None


def test_the_rating_of_a_shop_is_no_product() -> None:
    rated = {"@type": "Product", "name": "Mug Shop", "aggregateRating": {"ratingValue": 4.8}}
    assert extract(page(block(rated), title="About us | Mug Shop"), PAGE).product is None
    assert extract(page(block(rated), "<h1>Mug Shop</h1>"), PAGE).product is not None
    offered = rated | {"offers": {"price": 1, "priceCurrency": "EUR"}}
    assert extract(page(block(offered), title="About us"), PAGE).product is not None


@pytest.mark.parametrize("kind", ["CheckoutPage", "AboutPage", "ProfilePage"])
def test_a_page_of_another_type_is_no_product_page(kind: str) -> None:
    html = page(block({"@type": kind}, mug()), title="Step 2")
    assert extract(html, PAGE).reason is Reason.LISTING


def test_a_heading_that_names_something_else_speaks_against_a_card_for_another_page() -> None:
    assert extract(page("<h1>Sale</h1>", card(1)), PAGE).product is None
    assert extract(page("<h1>Other 1</h1>", card(1)), PAGE).product is not None


def test_a_product_that_another_calls_similar_is_not_the_pages() -> None:
    main = mug(**{"@id": "#a", "isSimilarTo": [{"@id": "#b"}]})
    other = mug(**{"@id": "#b", "name": "Red Mug", "sku": "MUG-2"})
    found = extract(page(block({"@graph": [other, main]})), PAGE).product
    assert found is not None
    assert found.id == "MUG-1"
    mutual = {**other, "isSimilarTo": {"@id": "#a"}}
    assert extract(page(block({"@graph": [mutual, main]})), PAGE).reason is Reason.AMBIGUOUS


LINKED = (
    '<li itemscope itemtype="https://schema.org/Product"><a href="/p/other">'
    '<b itemprop="name">Other</b></a><meta itemprop="sku" content="S1"></li>'
)


def test_a_card_whose_name_leads_elsewhere_is_for_that_page() -> None:
    """R26: most cards have no ``itemprop=url``, but a link."""
    assert extract(page("<h1>Sale</h1>", LINKED), PAGE).reason is Reason.AMBIGUOUS
    own = LINKED.replace("/p/other", "/p/mug?ref=list")
    assert extract(page("<h1>Sale</h1>", own), PAGE).product is not None
    brand = "<b itemprop='name'><a href='/brand/nord'>Nord</a> mug</b>"
    item = f'<div itemscope itemtype="https://schema.org/Product">{brand}</div>'
    found = extract(page(item), PAGE).product
    assert found is not None
    assert found.url == PAGE


def test_a_page_that_has_no_word_of_the_product_is_about_something_else() -> None:
    """R23: a promoted product on a landing page, a brand's page or a search."""
    lamp = block(mug(name="Acme 40", sku="A40-X"))
    at = SHOP + "/desk-lamps"
    assert extract(page("<h1>Desk lamps</h1>", lamp), at).reason is Reason.AMBIGUOUS
    assert extract(page("<h1>Our Acmes</h1>", lamp), at).product is not None
    assert extract(page("<h1>Desk lamps</h1>", lamp), SHOP + "/a40-x").product is not None
    assert extract(page(lamp), at).product is not None  # no heading: nobody says otherwise
