"""Section 7 of the extraction rules: which blocks are read, and which product is the page's."""

from __future__ import annotations

import json

import pytest

from tests.extraction.markup import MUG, PAGE, block, card, mug, page
from topmail_flask.extraction.extract import extract
from topmail_flask.model.reasons import Reason

TEXT = json.dumps(MUG)


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1] + ",}",
        TEXT + ";",
        f"<!--\n{TEXT}\n-->",
        f"//<![CDATA[\n{TEXT}\n//]]>",
        f"/*<![CDATA[*/ {TEXT} /*]]>*/",
        f"<![CDATA[{TEXT}]]>",
        TEXT.replace('"', "&quot;"),
        "\ufeff" + TEXT,
        '{"@type":"Organization","name":"Shop"}' + TEXT,
        TEXT.replace("Blue Mug", "Blue Mug\n\twith a line"),
        TEXT.replace('"sku"', '/* the "unit" */ "sku"'),
        TEXT.replace('"MUG-1"', '"MUG-1", // unit\n"mpn": "a\\d"'),
        TEXT.replace('"MUG-1",', '"MUG-1",,'),
        TEXT.replace('"MUG-1"', '"MUG-1", "weight": NaN'),
    ],
)
def test_a_block_that_can_be_mended_without_guessing_is_read(text: str) -> None:
    product = extract(page(block(text)), PAGE).product
    assert product is not None
    assert product.id == "MUG-1"
    assert str(product.price) == "12.50"


def test_a_text_of_a_mended_block_keeps_its_lines_and_what_looks_like_a_comment() -> None:
    name = "Blue Mug, \\\n// large; new"
    text = TEXT.replace("Blue Mug", name)[:-1] + ",}"
    product = extract(page(block(text)), PAGE).product
    assert product is not None
    assert product.name == "Blue Mug, \\ // large; new"


@pytest.mark.parametrize(
    "text", [TEXT.replace('"', "'"), TEXT[:-1], '{"@type":"Product" broken', TEXT + "</p>"]
)
def test_a_block_that_would_have_to_be_guessed_is_not(text: str) -> None:
    extraction = extract(page(block(text)), PAGE)
    assert extraction.reason is Reason.NO_PRODUCT
    assert "JSON-LD block 1" in [rejection.what for rejection in extraction.trace.rejected]


@pytest.mark.parametrize(
    "opening",
    [
        'type="application/ld+json; charset=utf-8"',
        'type="Application/LD+JSON"',
        "type='application/ld+json'",
        "type=application/ld+json",
        'id="a>b" data-x="1" type=" application/ld+json " nonce',
        'type="application/ld&#43;json"',
        'TYPE="application/ld+json"',
    ],
)
def test_the_media_type_may_be_written_in_many_ways(opening: str) -> None:
    assert extract(page(f"<script {opening}>{TEXT}</script>"), PAGE).product is not None
    assert extract(f"<script {opening}>{TEXT}</script>", PAGE).product is not None


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {} -->",
        "<template>{}</template>",
        "<noscript>{}</noscript>",
        "<template><template></template>{}</template>",
        "<textarea>{}</textarea>",
        "<!-- <b> {} -->",
    ],
)
@pytest.mark.parametrize("far", ["", "<p>text</p>" * 200])
def test_what_no_browser_reads_is_not_read(hidden: str, far: str) -> None:
    for parts in ((far, hidden.format(block(MUG))), (hidden.format(block(MUG)), far)):
        assert extract(page(*parts), PAGE).reason is Reason.NO_PRODUCT


@pytest.mark.parametrize("hidden", ["<!-- {} -->", "<template>{}</template>"])
def test_what_is_hidden_between_blocks_in_plain_view_is_not_read(hidden: str) -> None:
    seen = block({"@type": "WebSite", "name": "Shop"})
    filling = "<p>text</p>" * 2_000

    between = extract(page(filling, seen, hidden.format(block(MUG)), seen, filling), PAGE)
    behind = extract(page(filling, hidden.format(seen), seen, block(MUG), filling), PAGE)

    assert between.reason is Reason.NO_PRODUCT
    assert behind.product is not None


def test_a_block_beside_comments_and_scripts_is_read() -> None:
    before = "<!-- a --><script>var a = '<!--';</script><noscript>x</noscript>"
    assert extract(page(before, block(MUG), "<!-- b -->"), PAGE).product is not None


def test_one_broken_block_does_not_hide_the_good_one() -> None:
    extraction = extract(page(block("{broken", MUG)), PAGE)
    assert extraction.product is not None
    assert extraction.trace.rejected[0].why.startswith("line 1, column 2")


def test_the_main_product_of_a_graph_is_taken_and_its_category_from_the_breadcrumbs() -> None:
    crumbs = [("Home", "/"), ("Kitchen", "/c/kitchen"), ("Mugs", "/c/mugs"), ("Blue Mug", "/p/mug")]
    graph = [
        {"@type": "WebPage", "@id": "#page", "url": PAGE},
        {
            "@type": "BreadcrumbList",
            "itemListElement": [
                {"@type": "ListItem", "position": str(at), "name": name, "item": url}
                for at, (name, url) in reversed(list(enumerate(crumbs)))
            ],
        },
        mug(isRelatedTo={"@type": "Product", "name": "Red Mug", "sku": "MUG-2"}),
    ]
    extraction = extract(page(block({"@context": "https://schema.org", "@graph": graph})), PAGE)
    assert extraction.product is not None
    assert (extraction.product.id, extraction.product.category) == ("MUG-1", "Kitchen > Mugs")
    assert extraction.trace.related == ("Red Mug",)


def test_a_listing_is_never_a_product_view() -> None:
    products = [mug(name=f"Mug {n}", sku=str(n), url=f"/p/{n}") for n in range(24)]
    listing = {
        "@type": "ItemList",
        "itemListElement": [{"@type": "ListItem", "item": product} for product in products],
    }
    assert extract(page(block(listing)), PAGE).reason is Reason.LISTING
    extraction = extract(page(block(products)), "https://shop.example/c/mugs")
    assert extraction.reason is Reason.AMBIGUOUS
    assert len(extraction.trace.candidates) == 20
    assert extract(page(*map(card, range(24))), PAGE).reason is Reason.AMBIGUOUS


def test_a_list_of_one_product_is_still_a_list() -> None:
    listed = mug(url="https://shop.example/p/1")
    listing = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": listed}]}
    for markup in (block(listing), block(listed, {"@type": "CollectionPage", "name": "Shoes"})):
        extraction = extract(page(markup), "https://shop.example/c/shoes")
        assert extraction.reason is Reason.LISTING, markup


def test_of_many_products_the_one_whose_address_is_this_page_is_taken() -> None:
    products = [mug(name=f"Mug {n}", sku=str(n), url=f"/p/{n}") for n in range(24)]
    product = extract(page(block([*products, mug(url="/p/mug/")])), PAGE + "?utm_source=x").product
    assert product is not None
    assert product.id == "MUG-1"


def test_cards_beside_the_product_do_not_hide_it() -> None:
    cards = "".join(card(number) for number in range(8))
    for node in (mug(), mug(url=PAGE)):
        product = extract(page(block(node), cards), PAGE).product
        assert product is not None
        assert product.id == "MUG-1"
    unlinked = "".join(card(number, url=False) for number in range(8))
    product = extract(page(block(MUG), unlinked, title="Blue Mug | Shop"), PAGE).product
    assert product is not None


def test_the_only_product_without_another_address_is_the_one_that_the_title_names() -> None:
    others = [mug(name=f"Mug {n}", sku=str(n), url=f"/p/{n}") for n in range(4)]
    product = extract(page(block([mug(), *others]), title="Blue Mug | Shop"), PAGE).product
    assert product is not None
    assert product.id == "MUG-1"
    assert extract(page(block([mug(), *others])), PAGE).reason is Reason.AMBIGUOUS


def test_two_plug_ins_tell_one_product_and_the_first_is_believed() -> None:
    again = mug(offers={"@type": "Offer", "price": 13, "priceCurrency": "EUR"})
    extraction = extract(page(block(MUG, MUG, again)), PAGE)
    assert extraction.product is not None
    assert str(extraction.product.price) == "12.50"
    assert [
        (conflict.field, conflict.value, conflict.other_value)
        for conflict in extraction.trace.conflicts
    ] == [("price", "12.50", "13.00")]


@pytest.mark.parametrize(
    "named",
    [
        "https://schema.org/Product",
        "http://schema.org/Product",
        "schema:Product",
        ["Product", "Car"],
        "product",
        "IndividualProduct",
        "http://schema.org/Product/",
    ],
)
def test_a_product_may_be_named_in_many_ways(named: object) -> None:
    assert extract(page(block(mug(**{"@type": named}))), PAGE).product is not None
    assert extract(page(block(mug(**{"@type": named, "@context": None}))), PAGE).product is not None


def test_a_theme_that_calls_every_page_a_product_does_not_make_it_one() -> None:
    head = (
        '<meta property="og:type" content="product"><meta property="og:title" content="About us">'
    )
    assert extract(page("About us", head=head), PAGE).reason is Reason.NO_PRODUCT


def test_the_front_page_is_no_product_page_whatever_it_promotes() -> None:
    for url in (
        "https://shop.example/",
        "https://shop.example/en/",
        "https://shop.example?utm_a=1",
    ):
        for head in ("", f'<link rel="canonical" href="{url}">'):
            assert extract(page(block(MUG), head=head), url).reason is Reason.FRONT_PAGE
    head = '<link rel="canonical" href="/p/mug">'
    assert extract(page(block(MUG), head=head), "https://shop.example/?p=7").product is not None
