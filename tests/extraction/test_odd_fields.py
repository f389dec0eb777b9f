"""Ids, names, pictures and addresses as shops really write them, each named by what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extraction.lamps import HERE, OFFER, SHOP, found, item, lamp, page
from tests.extraction.markup import block
from topmail_flask.extraction.extract import extract

IDS: dict[str, tuple[str, str]] = {
    "a language at the end": ("/product/77/en", "77"),
    "a language with a region at the end": ("/product/77/de-AT", "77"),
    "a word of buying": ("/shop/arc-lamp/buy", "arc-lamp"),
    "an overview": ("/arc-lamp/overview", "arc-lamp"),
    "an index file": ("/products/77/index.html", "77"),
    "an index script": ("/arc-lamp/index.php", "arc-lamp"),
    "a letter as a file": ("/arc-lamp/p.html", "arc-lamp"),
    "a referrer": ("/dp/B00X/ref=sr_1_1", "B00X"),
    "a parameter of the path": ("/arc-lamp;jsessionid=0A1B2C", "arc-lamp"),
    "a parameter of a folder": ("/arc-lamp;v=1/details", "arc-lamp"),
    "a short word for the page": ("/arc-lamp/pdp", "arc-lamp"),
    "specifications": ("/arc-lamp/specs", "arc-lamp"),
    "reviews": ("/arc-lamp/reviews.html", "arc-lamp"),
    "an id as an argument of the path": ("/product/id=77", "77"),
    "two words of the route": ("/p/arc-lamp/details/en", "arc-lamp"),
    "nothing but words of the route": ("/product/en", ""),
    "what a script writes for nothing": ("/products/undefined", ""),
    "a template that was not rendered": ("/products/%7B%7B%20slug%20%7D%7D", ""),
    "a file that is missing": ("/products/None.html", ""),
    "a short name that is no language": ("/p/tv", "tv"),
    "a number": ("/p/1", "1"),
    "an argument of PrestaShop": ("/index.php?controller=product&id_product=77", "77"),
}


@pytest.mark.parametrize("name", IDS)
def test_words_of_the_route_are_no_ids(name: str) -> None:
    path, expected = IDS[name]
    product = found(page(block(lamp(sku=None))), path)
    assert (product.id if product else "") == expected


def test_the_sku_of_the_only_offer_is_the_id() -> None:
    product = found(page(block(lamp(sku=None, offers={**OFFER, "sku": "35985065"}))), "/ad/arc_359")
    assert product is not None
    assert (product.id, product.sku) == ("35985065", "35985065")
    two = [{**OFFER, "sku": "1"}, {**OFFER, "sku": "2"}]
    product = found(page(block(lamp(sku=None, offers=two))), "/ad/arc_359")
    assert product is not None
    assert (product.id, product.sku) == ("arc_359", None)
    summed_up = {"@type": "AggregateOffer", "lowPrice": "49.90", "priceCurrency": "EUR"}
    of_one = {**summed_up, "offers": [{**OFFER, "sku": "35985065"}]}
    product = found(page(block(lamp(sku=None, offers=of_one))), "/ad/arc_359")
    assert product is not None
    assert (product.id, product.sku) == ("35985065", "35985065")


UNRENDERED = [
    *(
        "{{ product.sku }}",
        "{% if sku %}",
        "${sku}",
        "$sku",
        "[object Object]",
        "undefined",
        "null",
    ),
    *("[[sku]]", "%sku%", "<%= sku %>", "#{sku}", "%(sku)s", "{sku}", "None", "@Model.Sku", "NaN"),
    *("__SKU__", "%%sku%%", "<?php echo $sku ?>", "x {{ sku }} y"),
]


@pytest.mark.parametrize("text", UNRENDERED)
def test_text_of_a_template_that_was_not_rendered_is_no_value(text: str) -> None:
    node = lamp(sku=text, brand=text, category=text, image=f"/i/{text}")
    product = found(page(block(node)))
    assert product is not None
    assert (product.id, product.sku) == ("arc-lamp", None)
    assert (product.brand, product.category) == (None, None)
    nameless = found(page(block(lamp(name=text)), title="x", h1="y"))
    assert nameless is None


@pytest.mark.parametrize(
    "name", ["$9 Gift Card", "100% Cotton", "Rock & Roll", "A_B", "C# in a Nutshell", "[Demo] Lamp"]
)
def test_a_name_with_odd_signs_is_a_name(name: str) -> None:
    product = found(page(block(lamp(name=name)), title="", h1=""))
    assert product is not None
    assert product.name == name


IMAGES: dict[str, tuple[Any, str | None]] = {
    "a reference that leads nowhere": ({"@id": f"{SHOP}{HERE}/#primaryimage"}, None),
    "a reference that is a picture": ({"@id": "/i/1.jpg"}, f"{SHOP}/i/1.jpg"),
    "a missing file": ("/static/uploads/None", None),
    "a missing file with an ending": ("/static/undefined.jpg", None),
    "an escaped template": ("/i/%7B%7B%20image%20%7D%7D", None),
    "a placeholder's folder": ("/static/product/placeholder/image.jpg", None),
    "the page itself": (SHOP + HERE, None),
    "the first that is one": (["/static/null", "/i/2.jpg"], f"{SHOP}/i/2.jpg"),
    "one on the development machine": ("http://localhost:5000/i/1.jpg", f"{SHOP}/i/1.jpg"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_picture_is_one_of_the_product(name: str) -> None:
    value, expected = IMAGES[name]
    product = found(page(block(lamp(image=value))))
    assert product is not None
    assert product.image_url == expected


@pytest.mark.parametrize(
    ("picture", "is_shops"),
    [
        *(("/static/logo.png", True), ("/img/shop-logo@2x.png", True), ("/logo-dark.svg", True)),
        *(("/i/logo-tee.jpg", False), ("/i/arc-lamp.jpg", False), ("/static/og-image.png", True)),
    ],
)
def test_the_picture_that_a_theme_gives_to_every_page_is_not_the_products(
    picture: str, is_shops: bool
) -> None:
    product = found(page(block(lamp()), og__title="Arc Lamp", og__image=SHOP + picture))
    assert product is not None
    assert product.image_url == (None if is_shops else SHOP + picture)


def test_metas_with_a_slogan_complete_the_only_product_of_their_page() -> None:
    tags = {"product__price__amount": "49.90", "product__price__currency": "EUR"}
    og = {"og__type": "product", "og__title": "Light up your room", "og__url": SHOP + HERE}
    product = found(page(block(lamp(offers=None)), **og, **tags))
    assert product is not None
    assert (product.name, str(product.price)) == ("Arc Lamp", "49.90")


def test_a_canonical_address_of_the_category_is_not_the_products() -> None:
    head = '<link rel="canonical" href="https://shop.example/lamps">'
    product = found(page(block(lamp()), head=head))
    assert product is not None
    assert product.url == SHOP + HERE
    variant = found(page(block(lamp()), head=head.replace("/lamps", HERE)), f"{HERE}/red")
    assert variant is not None
    assert variant.url == SHOP + HERE


@pytest.mark.parametrize("path", ["/collections/floor-lamps", "/c/lamps", "/category/lamps"])
def test_a_category_that_is_marked_up_as_a_product_is_none(path: str) -> None:
    many = {"@type": "AggregateOffer", "lowPrice": 9, "priceCurrency": "EUR", "offerCount": 120}
    category = lamp(name="Floor lamps", sku=None, offers=many)
    html = page(block(category), title="Floor lamps", h1="Floor lamps")
    assert found(html, path) is None
    assert found(page(block(lamp(offers=many))), path) is not None  # it has an id
    listing = block({"@type": "CollectionPage"})
    assert found(html.replace("<body>", f"<body>{listing}"), "/floor-lamps") is None


@pytest.mark.parametrize(
    ("label", "text", "read"),
    [
        ("gb2312", "台灯 鎔", "台灯 鎔"),
        ("GBK", "台灯 鎔", "台灯 鎔"),
        ("ks_c_5601-1987", "똠방각하", "똠방각하"),
        ("Shift_JIS", "①番ランプ", "①番ランプ"),
        ("iso-8859-1", "Lamp “Arc”", "Lamp “Arc”"),
        ("iso-8859-9", "Işık", "Işık"),
        ("windows-1251", "Лампа", "Лампа"),
    ],
)
def test_character_sets_are_read_as_browsers_read_them(label: str, text: str, read: str) -> None:
    codec = {"gb2312": "gb18030", "ks_c_5601-1987": "cp949", "Shift_JIS": "cp932"}.get(label, label)
    codec = {"iso-8859-1": "cp1252", "iso-8859-9": "cp1254"}.get(codec, codec)
    markup = page(item(text), title=text, h1=text, head=f'<meta charset="{label}">')
    product = extract(markup.encode(codec), SHOP + HERE).product
    assert product is not None
    assert product.name == read


def test_a_character_set_that_is_named_late_is_found() -> None:
    head = f'<!-- {"x" * 2_000} --><meta charset="iso-8859-1">'
    markup = page(item("Bögenlampe"), title="", h1="", head=head)
    product = extract(markup.encode("latin-1"), SHOP + HERE).product
    assert product is not None
    assert product.name == "Bögenlampe"


def test_references_that_are_escaped_twice_are_read() -> None:
    product = found(page(block(lamp(name="Battery stop &amp;#038; start")), title="", h1=""))
    assert product is not None
    assert product.name == "Battery stop & start"


def test_an_escaped_apostrophe_is_one() -> None:
    text = '{"@type":"Product","name":"Men\\\'s Lamp","sku":"AL-1"}'
    product = found(page(block(text), title="", h1=""))
    assert product is not None
    assert product.name == "Men's Lamp"


def test_the_name_on_a_picture_is_its_text() -> None:
    picture = '<img itemprop="name" src="/i/1.jpg" alt="Arc Lamp">'
    html = page(item("x").replace('<span itemprop="name">x</span>', picture), h1="")
    product = found(html)
    assert product is not None
    assert product.name == "Arc Lamp"


def test_what_only_a_screen_reader_is_told_is_not_in_the_name() -> None:
    label = '<i>\uf004</i><span class="sr-only">Add to favourites</span> Arc Lamp'
    product = found(page(item(label), h1=""))
    assert product is not None
    assert product.name == "Arc Lamp"
    for unseen in ("<svg><title>Heart</title></svg>", "<button>Share</button>"):
        product = found(page(item(f"{unseen}Arc Lamp"), h1=""))
        assert product is not None
        assert product.name == "Arc Lamp"
    product = found(page(item('Arc Lamp<b style="display:none">edit</b>'), h1=""))
    assert product is not None
    assert product.name == "Arc Lamp"
    hidden = found(page(item('<span class="visually-hidden">Arc Lamp</span>'), h1=""))
    assert hidden is not None
    assert hidden.name == "Arc Lamp"


def test_an_offer_inside_of_a_product_is_its_offer_without_saying_so() -> None:
    html = page(item("Arc Lamp").replace('itemprop="offers" ', ""))
    product = found(html)
    assert product is not None
    assert str(product.price) == "49.90"


def test_the_vocabulary_before_schema_org_is_read() -> None:
    html = page(
        '<div itemscope itemtype="http://data-vocabulary.org/Product">'
        '<span itemprop="name">Arc Lamp</span><meta itemprop="identifier" content="mpn:AL-1">'
        '<img itemprop="photo" src="/i/1.jpg"><span itemprop="offerDetails" itemscope '
        'itemtype="http://data-vocabulary.org/Offer"><meta itemprop="currency" content="EUR">'
        '<span itemprop="price">49.90</span></span></div>'
    )
    product = found(html)
    assert product is not None
    assert (product.id, str(product.price), product.currency) == ("AL-1", "49.90", "EUR")
    assert product.image_url == f"{SHOP}/i/1.jpg"


BROKEN: dict[str, tuple[str, tuple[str, str | None]]] = {
    "what Python prints": (
        '"sku":"AL-1","brand":None,"inStock":True,"price":49.90',
        ("AL-1", "49.90"),
    ),
    "nothing where a value was": ('"sku":"AL-1","price": ,"brand":""', ("AL-1", None)),
    "an amount with a comma": ('"sku":"AL-1","price": 49,90', ("AL-1", "49.90")),
    "an amount with thousands": ('"price": 1 299,00,"sku":"AL-1"', ("AL-1", "1299.00")),
    "a number that begins with zero": ('"sku": 00123,"price":"49.90"', ("00123", "49.90")),
    "an amount with its sign": ('"sku":"AL-1","price": 49.90 EUR', ("AL-1", "49.90")),
    "a template that was not rendered": ('"sku":"AL-1","price": {{ price }}', ("AL-1", None)),
    "a variable that was not printed": ('"sku": sku,"price":"49.90"', ("arc-lamp", "49.90")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_template_broke_is_read_as_it_is_meant(name: str) -> None:
    text, expected = BROKEN[name]
    block_of = f'{{"@type":"Product","name":"Arc Lamp","priceCurrency":"EUR",{text}}}'
    product = found(page(block(block_of)))
    assert product is not None
    assert (product.id, None if product.price is None else str(product.price)) == expected


def test_quotes_inside_of_a_text_are_its_own() -> None:
    text = '{"@type":"Product","name":"Tube 12" "long" black","description":"a "b"","sku":"AL-1"}'
    product = found(page(block(text), title="", h1=""))
    assert product is not None
    assert (product.name, product.sku) == ('Tube 12" "long" black', "AL-1")


def test_an_inch_in_a_text_does_not_make_a_comment_of_the_addresses_behind_it() -> None:
    text = '{"@type":"Product","name":"Arc Lamp","description":"14" wide",'
    text += '"image":"https://shop.example/arc.jpg","sku":"AL-1"}'
    product = found(page(block(text), title="", h1=""))
    assert product is not None
    assert product.sku == "AL-1"


@pytest.mark.parametrize("prefix", ["", "schema:"])
def test_rdfa_is_read_like_microdata(prefix: str) -> None:
    vocabulary = 'prefix="schema: https://schema.org/"' if prefix else 'vocab="https://schema.org/"'
    html = page(
        f'<div {vocabulary} typeof="{prefix}Product"><b property="{prefix}name">Arc Lamp</b>'
        f'<img property="{prefix}image" src="/i/1.jpg"><i property="{prefix}sku">AL-1</i>'
        f'<p property="{prefix}offers" typeof="{prefix}Offer">'
        f'<b property="{prefix}price" content="49.90">49,90</b>'
        f'<meta property="{prefix}priceCurrency" content="EUR"></p></div>',
        og__title="Arc Lamp",
    )
    product = found(html)
    assert product is not None
    assert (product.id, product.name, str(product.price)) == ("AL-1", "Arc Lamp", "49.90")
    assert product.image_url == f"{SHOP}/i/1.jpg"


@pytest.mark.parametrize("kind", ["mystore:product", "https://ogp.me/ns/product", "Product"])
def test_a_type_that_ends_in_product_is_one(kind: str) -> None:
    tags = {"product__price__amount": "49.90", "product__price__currency": "EUR"}
    product = found(page(og__type=kind, og__title="Arc Lamp", **tags))
    assert product is not None
