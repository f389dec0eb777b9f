"""Product pages that say oddly which product they show, each named by what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extraction.lamps import HERE, OFFER, SHOP, found, item, lamp, page, table
from tests.extraction.markup import block

WORDS: dict[str, tuple[str, str]] = {
    "the heading is the shop's logo, the name in a heading of the second level": (
        page(block(lamp()), "<h2>Arc Lamp</h2>", title="Lichthaus", h1="Lichthaus"),
        "/p/12",
    ),
    "the heading is the shop's logo, the title says Product": (
        page(block(lamp()), "<div>Arc Lamp</div>", title="Lichthaus - Product", h1="Lichthaus"),
        "/p/12",
    ),
    "the heading is og:site_name": (
        page(block(lamp()), title="Item", h1="Licht Haus", og__site_name="Lichthaus"),
        "/p/12",
    ),
    "the heading is the name of the site's own node": (
        page(block({"@type": "WebSite", "name": "Lichthaus"}, lamp()), title="X", h1="Lichthaus"),
        "/p/12",
    ),
    "the heading is the host's name": (
        page(block(lamp()), title="Details", h1="Shop"),
        "/p/12",
    ),
    "the heading is a slogan, the name the first below it": (
        page(block(lamp()), "<h2>Arc Lamp</h2>", title="Buy with us | X", h1="Light for everybody"),
        "/p/12",
    ),
    "the heading is a word for any product": (
        page(block(lamp()), title="Product details", h1="Product details"),
        "/p/12",
    ),
    "the heading is what the link to the front page says": (
        page(block(lamp()), '<a href="/">Lichthaus</a>', title="Lichthaus", h1="LICHTHAUS."),
        "/p/12",
    ),
    "the heading is what the picture in the link to the front page stands for": (
        page(
            block(lamp()), '<a href="/"><img alt="Lichthaus"></a>', title="Welcome", h1="Lichthaus"
        ),
        "/p/12",
    ),
    "the heading is a picture": (
        page(block(lamp()), title="Lichthaus", h1='<img src="/logo.png" alt="Lichthaus">'),
        "/p/12",
    ),
    "the page is in another script": (
        page(block(lamp(name="Leather Wallet")), title="革の財布 | 店", h1="革の財布", lang="ja"),
        "/items/123",
    ),
    "the page is in Cyrillic": (
        page(block(lamp(name="Leather Wallet")), title="Кошелёк | Магазин", h1="Кошелёк"),
        "/items/123",
    ),
    "the page is in another language, and OpenGraph says the price": (
        page(
            block(lamp(name="Leather Wallet")),
            title="Geldbörse | Laden",
            h1="Geldbörse",
            lang="de",
            og__type="product",
            og__title="Geldbörse",
            product__price__amount="49.90",
            product__price__currency="EUR",
        ),
        "/items/123",
    ),
    "the heading is longer than the name, beside a list of related products": (
        page(
            block(
                lamp(),
                {
                    "@type": "ItemList",
                    "itemListElement": [{"@type": "ListItem", "url": "https://shop.example/t1"}],
                },
            ),
            title="Design floor lamps | Lichthaus",
            h1="Arc Lamp, black, 180 cm",
        ),
        HERE,
    ),
    "several without addresses, the heading names the first": (
        page(block(lamp(), table(1), table(2), table(3))),
        HERE,
    ),
    "several without addresses, the heading names the last": (
        page(block([table(1), table(2), lamp()])),
        HERE,
    ),
    "several without addresses, only the title names one": (
        page(block(table(1), lamp()), h1="", title="Arc Lamp – Lichthaus"),
        HERE,
    ),
    "several without addresses, the heading says more behind one's name": (
        page(block(lamp(), table(1)), h1="Arc Lamp, black, 180 cm", title="Floor lamps"),
        HERE,
    ),
    "several without addresses, one's name in a heading below the shop's": (
        page(
            block(lamp(), table(1)),
            '<h2>Arc Lamp</h2><a href="/t1"><h3>Table 1</h3></a>',
            title="Lichthaus",
            h1="Lichthaus",
        ),
        HERE,
    ),
    "several without addresses, og:type is website": (
        page(block(lamp(), table(1)), og__type="website", og__title="Arc Lamp"),
        HERE,
    ),
    "cards inside of the item, without addresses": (
        page(item("Arc Lamp", '<meta itemprop="sku" content="AL-1">', item("Table 1"))),
        HERE,
    ),
    "the item is the mainEntityOfPage of nothing": (
        page(
            item(
                "Arc Lamp",
                '<meta itemprop="sku" content="AL-1">',
                attributes='itemprop="mainEntityOfPage"',
            ),
            item("Table 1").replace("<span", '<a href="/t1"').replace("</span>", "</a>"),
            og__type="product",
            og__title="Buy Arc Lamp",
        ),
        HERE,
    ),
    "the item is a property of nothing": (
        page(item("Arc Lamp", '<meta itemprop="sku" content="AL-1">', attributes="itemprop=about")),
        HERE,
    ),
    "an order form of a restaurant": (page(block(lamp())), "/order/arc-lamp"),
    "a magazine that a shop sells": (
        page(
            block(lamp(name="Vogue 01/2025")), title="Vogue January 2025", h1="Vogue January 2025"
        ),
        "/magazine/vogue-2025-01",
    ),
    "a product below its category": (page(block(lamp())), "/category/lamps/arc-lamp"),
    "a recipe of something else beside it": (
        page(block(lamp(), {"@type": "Recipe", "name": "Bread"})),
        HERE,
    ),
    "an article of the same headline": (
        page(block(lamp(), {"@type": "Article", "headline": "Arc Lamp"})),
        HERE,
    ),
    "the meal beside its recipe": (
        page(
            block(lamp(name="Pumpkin soup"), {"@type": "Recipe", "name": "Pumpkin soup"}),
            title="Pumpkin soup",
            h1="Pumpkin soup",
        ),
        "/recipes/pumpkin-soup",
    ),
    "its address through another category": (
        page(block(lamp(url=f"{SHOP}/sale/arc-lamp")), og__type="website", og__title="Arc Lamp"),
        HERE,
    ),
    "the front page as its address": (
        page(block(lamp(url=f"{SHOP}/")), og__type="website", og__title="Arc Lamp"),
        HERE,
    ),
    "no address but the sign for a script": (page(block(lamp(url="#"))), HERE),
    "its address in another language": (
        page(
            block(lamp(url=f"{SHOP}/de/lampen/bogenlampe")),
            head='<link rel="alternate" hreflang="de" href="/de/lampen/bogenlampe">',
            title="Lamp with an arc",
            h1="Lamp with an arc",
            og__type="website",
        ),
        HERE,
    ),
    "its address on the development machine": (
        page(block(lamp(url=f"http://localhost:5000{HERE}")), title="x", h1="x"),
        HERE,
    ),
    "a name that only the heading has": (page(block(lamp(name=None))), HERE),
    "a name that only the metas have": (
        page(block(lamp(name=None)), h1="", title="x", og__type="product", og__title="Arc Lamp"),
        HERE,
    ),
    "many blocks of related products before it": (
        page(*(block(table(n, url=f"{SHOP}/t{n}")) for n in range(60)), block(lamp())),
        HERE,
    ),
    "many blocks without a product before it": (
        page(*(block({"@type": "Thing", "name": str(n)}) for n in range(60)), block(lamp())),
        HERE,
    ),
    "the type of the script in character references": (
        page(block(lamp(), media_type="application&#x2F;ld&#x2B;json")),
        HERE,
    ),
    "quotes around the values": (page(block(lamp(name='"Arc Lamp"', sku='"AL-1"'))), HERE),
    "doubled quotes around a value": (
        page(
            '<script type="application/ld+json">{"@type":"Product","name":""Arc Lamp"",'
            '"sku":"AL-1","offers":{"price":"49.90","priceCurrency":"EUR"}}</script>'
        ),
        HERE,
    ),
    "an itemtype in capitals": (
        page(
            item("Arc Lamp", '<meta itemprop="sku" content="AL-1">').replace(
                'itemtype="https://schema.org/Product', 'ITEMTYPE="HTTP://SCHEMA.ORG/Product'
            )
        ),
        HERE,
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_the_product_is_found(name: str) -> None:
    html, path = WORDS[name]
    product = found(html, path)
    assert product is not None
    assert product.id == "AL-1"
    assert f"{product.price} {product.currency}" == "49.90 EUR"
    assert product.url == SHOP + path or product.url == f"{SHOP}/sale/arc-lamp"


ONE_OF_TWO: dict[str, tuple[dict[str, Any], str]] = {
    "both by part number and brand": (
        lamp(sku=None, mpn="925872", brand="L"),
        '<meta itemprop="mpn" content="925872"><meta itemprop="brand" content="L">',
    ),
    "a GTIN here and a sku there, of one price": (
        lamp(sku=None, gtin13="4006381333931"),
        '<meta itemprop="sku" content="AL-1">',
    ),
    "an id here and a sku there, of one price": (
        lamp(sku=None, productID="77"),
        '<meta itemprop="sku" content="AL-1">',
    ),
}


@pytest.mark.parametrize("name", ONE_OF_TWO)
@pytest.mark.parametrize("beside", ["", block({"@type": "Recipe", "name": "Bread"})])
def test_one_product_that_is_described_twice_is_one(name: str, beside: str) -> None:
    node, inside = ONE_OF_TWO[name]
    title = "Arc Lamp" if beside else "Shop"
    product = found(page(block(node), beside, item("Arc Lamp", inside), title=title, h1=""))
    assert product is not None
    assert f"{product.price} {product.currency}" == "49.90 EUR"


def test_two_products_of_one_name_and_price_stay_two_by_their_ids() -> None:
    two = page(block(lamp(), lamp(sku="AL-2")), title="Lamps", h1="Lamps")
    assert found(two, "/lamps") is None


def test_sizes_of_one_name_with_addresses_of_their_own_are_one_product() -> None:
    sizes = [
        lamp(sku=None, gtin13=f"400638133393{n}", url=f"{SHOP}/clothing/arc-{n}77.html")
        for n in range(4)
    ]
    html = page(block({"@graph": sizes}), h1="ARC LAMP", og__type="product", og__title="Brand Lamp")
    product = found(html, "/clothing/arc-12185160.html")
    assert product is not None
    assert product.name == "Arc Lamp"


@pytest.mark.parametrize("page_type", ["product", "website", ""])
def test_sizes_of_one_name_without_addresses_are_one_product(page_type: str) -> None:
    prices = ["59.90", "49.90"]
    sizes = [lamp(sku=f"AL-{n}", offers={**OFFER, "price": p}) for n, p in enumerate(prices, 1)]
    product = found(page(block(sizes), og__type=page_type))
    assert product is not None
    assert (product.id, product.name, str(product.price)) == ("AL-1", "Arc Lamp", "49.90")


TAGS = {
    "product__price__amount": "49.90",
    "product__price__currency": "EUR",
    "product__retailer_item_id": "AL-1",
    "og__title": "Arc Lamp",
}


@pytest.mark.parametrize("kind", ["website", "article", "", "og:website", "Object"])
def test_price_metas_with_an_id_are_a_product_whatever_the_page_calls_itself(kind: str) -> None:
    product = found(page(**{"og__type": kind, **TAGS}))
    assert product is not None
    assert (product.id, product.name, str(product.price)) == ("AL-1", "Arc Lamp", "49.90")


def test_price_metas_with_an_id_and_no_title_are_called_as_the_page_is() -> None:
    product = found(page(**{**TAGS, "og__title": ""}))
    assert product is not None
    assert (product.id, product.name) == ("AL-1", "Arc Lamp")
    assert found(page(**{**TAGS, "og__title": ""}, h1="Lamps")) is None


@pytest.mark.parametrize(
    ("html", "path"),
    [
        (page(**TAGS), "/category/lamps"),
        (page(**TAGS), "/search?q=arc"),
        (page(**TAGS, h1="Lamps", title="Lamps"), "/lamps"),
        (page('<a href="?page=2" rel="next">2</a>', **TAGS), "/arc-lamp"),
        (page('<li class="product-card"></li>' * 8, **TAGS), "/arc-lamp"),
        (page(block({"@type": "CollectionPage"}), **TAGS), "/arc-lamp"),
        (page(**{**TAGS, "product__retailer_item_id": ""}), HERE),
        (page(**TAGS, og__type="product.group", og__url=SHOP + HERE), HERE),
        (page(block({"@type": "BlogPosting"}), **TAGS, og__url=SHOP + HERE), HERE),
        (page(**TAGS, og__url=f"{SHOP}/cart"), "/cart"),
    ],
)
def test_price_metas_are_believed_only_where_nothing_speaks_of_a_listing(
    html: str, path: str
) -> None:
    assert found(html, path) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:5000/lamps/arc-lamp",
        "http://127.0.0.1/lamps/arc-lamp",
        "https://www.shop.example/lamps/arc-lamp",
        "https://cdn.shop-staging.example/lamps/arc-lamp",
        "https://shop.example/",
        "",
    ],
)
def test_an_address_in_the_metas_that_cannot_be_right_says_nothing(address: str) -> None:
    tags = {name: value for name, value in TAGS.items() if "retailer" not in name}
    product = found(page(og__type="product", og__url=address, **tags))
    assert product is not None
    assert product.url is not None
    assert product.url.endswith(".example/lamps/arc-lamp")


def test_an_address_elsewhere_in_the_shop_is_this_page_if_the_heading_names_the_product() -> None:
    tags = {"og__type": "product", "og__url": f"{SHOP}/sale/arc-lamp", **TAGS}
    head = '<link rel="canonical" href="%s">'
    product = found(page(head=head % HERE, **tags))
    assert product is not None
    assert product.id == "AL-1"
    imprint = page(head=head % "/imprint", title="Imprint", h1="Imprint", **tags)
    assert found(imprint, "/imprint") is None


def test_an_address_in_the_metas_of_another_site_s_page_is_believed() -> None:
    tags = {name: value for name, value in TAGS.items() if "retailer" not in name}
    elsewhere = "https://elsewhere.example/other-lamp"
    assert found(page(og__type="product", og__url=elsewhere, **tags)) is None


ITEM = "{item_id: 'AL-1', item_name: 'Arc Lamp', price: 49.90}"
TWO_ITEMS = f"{ITEM}, {ITEM.replace('AL-1', 'AL-2')}"
EVENTS = {
    "gtag": f"gtag('event', 'view_item', {{currency: 'EUR', value: 49.90, items: [{ITEM}]}});",
    "gtag with keys in quotes": (
        'gtag("event", "view_item", {"currency": "EUR", "items": [{"item_id": "AL-1", '
        '"item_name": "Arc Lamp", "price": "49.90"}]});'
    ),
    "dataLayer": (
        "window.dataLayer = window.dataLayer || []; dataLayer.push({ecommerce: null});\n"
        f"dataLayer.push({{event: 'view_item', ecommerce: {{currency: 'EUR', items: [{ITEM}]}}}});"
    ),
    "dataLayer with an expression and a comment": (
        "dataLayer.push({\n  'event': 'view_item', // shown\n  page: window.location.href,\n"
        "  time: Date.now() + (1 * 2),\n  'ecommerce': {'currency': 'EUR', 'value': 49.90,"
        " 'items': [{'item_id': 'AL-1', 'item_name': 'Arc Lamp', 'index': 0,},]}});"
    ),
    "dataLayer that is made with it": (
        f"dataLayer = [{{event: 'view_item', ecommerce: {{currency: 'EUR', items: [{ITEM}]}}}}];"
    ),
    "a list of others beside it": (
        f"gtag('event','view_item',{{currency:'EUR',items:[{ITEM}]}});"
        "gtag('event','view_item_list',{items:[{item_id:'T-1',item_name:'Table 1'}]});"
    ),
    "twice the same": f"gtag('event','view_item',{{currency:'EUR',items:[{ITEM}]}});" * 2,
    "inside of a function": (
        "document.addEventListener('DOMContentLoaded', function () {"
        f" gtag('event', 'view_item', {{currency: 'EUR', items: [{ITEM}]}}); }});"
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_the_item_that_a_page_reports_as_viewed_is_its_product(name: str) -> None:
    product = found(page(f"<script>{EVENTS[name]}</script>"))
    assert product is not None
    assert (product.id, product.name) == ("AL-1", "Arc Lamp")
    assert f"{product.price} {product.currency}" == "49.90 EUR"


@pytest.mark.parametrize(
    ("html", "path"),
    [
        (page(f"<script>{EVENTS['gtag']}</script>"), "/category/lamps"),
        (page(f"<script>{EVENTS['gtag']}</script>", h1="Lamps", title="Lamps"), "/lamps"),
        (
            page(
                f"<script>{EVENTS['gtag']}gtag('event','view_item_list')</script>",
                h1="Lamps like the Arc Lamp",
                title="Lamps",
            ),
            "/lamps",
        ),
        (page(f"<!-- <script>{EVENTS['gtag']}</script> -->"), HERE),
        (
            page(f"<script>{EVENTS['gtag'].replace(ITEM, ITEM + ',' + ITEM[:-1] + '}')}</script>"),
            "",
        ),
        (
            page("<script>gtag('event','view_item',{items:[{item_id:id,item_name:n}]})</script>"),
            HERE,
        ),
        (page("<script>gtag('event','view_item',</script>"), HERE),
        (page("<script>dataLayer.push({event:'view_item'" + "[{(" * 5_000 + "</script>"), HERE),
    ],
)
def test_an_event_that_shows_no_single_item_of_this_page_is_no_product(
    html: str, path: str
) -> None:
    assert found(html, path) is None
