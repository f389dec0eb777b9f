"""Pages of a shop that show no single product to a shopper, ten of each kind.

Each of them tempts a rule that finds products: a card that stands alone, a heading that is the name
of a product, an article with a Product of its own, metas that a theme prints everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

SHOP = "https://shop.example"
NAMES = (
    "Arc Lamp",
    "Blue Mug",
    "Walnut Desk",
    "Linen Shirt",
    "Oak Chair",
    "Wool Throw",
    "Steel Kettle",
    "Garden Hose 20 m",
    "Trail Shoe",
    "Reading Light",
)
QUICK_VIEW = (
    "<script>function quick(p){gtag('event','view_item',{items:[{item_id:p.id,item_name:p.name,"
    "price:p.price}]})}</script>"
)
Page = tuple[str, str]


def product(n: int, **changes: Any) -> dict[str, Any]:
    """A product of the shop; None leaves a property out."""
    name = NAMES[n % 10]
    node: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": name,
        "sku": f"S-{n}",
        "image": f"/i/{n}.jpg",
        "offers": {"@type": "Offer", "price": f"{10 + n}.90", "priceCurrency": "EUR"},
        **changes,
    }
    return {key: value for key, value in node.items() if value is not None}


def node(kind: str, **properties: Any) -> dict[str, Any]:
    return {"@context": "https://schema.org", "@type": kind, **properties}


def path_of(n: int) -> str:
    return "/p/" + NAMES[n % 10].lower().replace(" ", "-")


def json_ld(*nodes: Any) -> str:
    return "".join(
        f'<script type="application/ld+json">{json.dumps(node)}</script>' for node in nodes
    )


def card(n: int, *, url: bool = True) -> str:
    """A product in microdata, as a list or a teaser shows it."""
    href = f' itemprop="url" href="{path_of(n)}"' if url else ""
    return (
        f'<div itemscope itemtype="https://schema.org/Product"><a{href}>'
        f'<span itemprop="name">{NAMES[n % 10]}</span></a><meta itemprop="sku" content="S-{n}">'
        '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="priceCurrency" content="EUR"><b itemprop="price">{10 + n},90</b>'
        "</div></div>"
    )


def page(
    title: str, *parts: str, og: dict[str, str] | None = None, h1: str | None = None, head: str = ""
) -> str:
    metas = "".join(
        f'<meta property="{key}" content="{value}">' for key, value in (og or {}).items()
    )
    heading = f"<h1>{title if h1 is None else h1}</h1>" if h1 != "" else ""
    return (
        f"<!doctype html><html lang=en><head><title>{title} | Shop</title>{metas}{head}</head>"
        f"<body><header><a href=/>Shop</a></header>{heading}{''.join(parts)}</body></html>"
    )


def gtag(event: str, *numbers: int, **more: Any) -> str:
    """An event of Google Analytics 4, as themes print it."""
    items = [{"item_id": f"S-{n}", "item_name": NAMES[n % 10], "price": 10 + n} for n in numbers]
    fields = {"currency": "EUR", "value": 10, "items": items, **more}
    return f"<script>gtag('event', '{event}', {json.dumps(fields)});</script>"


def metas_of(n: int) -> dict[str, str]:
    """Product metas that some themes print on every page, of the first product at hand."""
    return {
        "product:retailer_item_id": f"S-{n}",
        "product:price:amount": f"{10 + n}.90",
        "product:price:currency": "EUR",
    }


def listing_with_one_card(n: int) -> Page:
    items = [{"@type": "ListItem", "position": 1, "item": product(n, url=SHOP + path_of(n))}]
    markup = (
        card(n),
        json_ld(node("ItemList", itemListElement=items)),
        card(n) + json_ld(node("CollectionPage", name="Lamps")),
        json_ld(product(n, url=SHOP + path_of(n)), node("CollectionPage")),
        card(n, url=False) + json_ld(node("ItemList", itemListElement=[])),
    )[n % 5]
    where = ("/category/lamps", "/collections/lamps")[n % 2]
    return SHOP + where, page("Lamps", markup, og={"og:type": "website", "og:title": "Lamps"})


def listing_of_many(n: int) -> Page:
    numbers = range(n, n + 8)
    markup = (
        "".join(map(card, numbers)),
        json_ld([product(number, url=SHOP + path_of(number)) for number in numbers]),
        "".join(card(number, url=False) for number in numbers),
        json_ld(*[product(number) for number in numbers]),
        json_ld(
            {"@context": "https://schema.org", "@graph": [product(number) for number in numbers]}
        ),
    )[n % 5]
    heading = "Lamps" if n < 5 else "Our favourite things"
    return f"{SHOP}/{('lamps', 'shop/all')[n % 2]}", page(heading, markup)


def blog_post(n: int) -> Page:
    name = NAMES[n % 10]
    article = node("BlogPosting", headline=f"{name}: our review", author={"name": "Ann"})
    titles = (
        name,
        f"{name}: our review",
        f"Ten ways to use a {name}",
        f"{name} | The journal",
        name,
    )
    about = product(n, review={"@type": "Review", "reviewBody": "good"})
    markup = (
        json_ld(article, about),
        json_ld({**article, "about": about}),
        json_ld({**article, "mentions": [about]}) + card(n),
        json_ld(article) + card(n, url=False),
        json_ld(node("Article", headline=name, mainEntityOfPage=f"{SHOP}/blog/x-{n}"), about),
    )[n % 5]
    og = {"og:type": "article", "og:title": titles[n % 5]} if n % 3 else None
    return f"{SHOP}/blog/{name.lower().replace(' ', '-')}-review", page(
        titles[n % 5], markup, og=og
    )


def brand_page(n: int) -> Page:
    markup = (
        json_ld(node("Brand", name="Acme", logo="/acme.png")) + card(n),
        json_ld(node("Brand", name="Acme"), [product(n), product(n + 1)]),
        card(n) + card(n + 1),
        json_ld(node("CollectionPage", name="Acme", mainEntity=node("ItemList"))) + card(n),
        json_ld(product(n, url=SHOP + path_of(n), brand={"@type": "Brand", "name": "Acme"})),
    )[n % 5]
    where = ("/brands/acme", "/brand/acme", "/marken/acme")[n % 3]
    return SHOP + where, page("Acme", markup, og={"og:type": "website"})


def comparison(n: int) -> Page:
    both = f"{NAMES[n % 10]} vs {NAMES[(n + 1) % 10]}"
    markup = (
        card(n, url=False) + card(n + 1, url=False),
        json_ld([product(n), product(n + 1)]),
        json_ld(product(n)) + json_ld(product(n + 1), product(n + 2)),
        card(n) + card(n + 1) + card(n + 2),
        json_ld(product(n, url=SHOP + path_of(n)), product(n + 1, url=SHOP + path_of(n + 1))),
    )[n % 5]
    where = ("/compare", f"/compare/{n}-{n + 1}", "/product-compare", f"/guide/{n}-or-{n + 1}")[
        n % 4
    ]
    return SHOP + where, page(both, markup)


def wishlist(n: int) -> Page:
    markup = (
        card(n),
        card(n, url=False),
        json_ld(product(n)),
        json_ld(node("ItemList", name="Wishlist", itemListElement=[product(n)])),
        card(n) + card(n + 1),
    )[n % 5]
    where = ("/wishlist", "/account/wishlist", "/merkzettel", "/wishlist/ann")[n % 4]
    return SHOP + where, page("My wishlist", markup)


def store_locator(n: int) -> Page:
    offers = [{"@type": "Offer", "itemOffered": product(number)} for number in (n, n + 1)]
    store = node("Store", name="Shop Berlin", address="Main street 1", telephone="+49 30 1")
    markup = (
        json_ld({**store, "makesOffer": offers[:1]}),
        json_ld({**store, "hasOfferCatalog": {"@type": "OfferCatalog", "itemListElement": offers}}),
        json_ld(store) + card(n) + card(n + 1),
        json_ld(node("LocalBusiness", name="Shop", priceRange="$$", makesOffer=offers)),
        json_ld({**store, "@graph": [node("Place", name="Berlin")]}),
    )[n % 5]
    return f"{SHOP}/stores/berlin-{n}", page("Shop Berlin", markup)


def questions(n: int) -> Page:
    asked = {
        "@type": "Question",
        "name": f"Is the {NAMES[n % 10]} dimmable?",
        "acceptedAnswer": {"@type": "Answer", "text": "Yes."},
    }
    faq = node("FAQPage", mainEntity=[asked])
    markup = (
        json_ld(faq),
        json_ld({**faq, "mentions": product(n)}),
        json_ld({**faq, "about": [{"@type": "Thing", "name": NAMES[n % 10]}]}),
        json_ld(faq) + card(n) + card(n + 1),
        json_ld(node("QAPage", mainEntity={**asked, "about": {"@type": "Product"}})),
    )[n % 5]
    return f"{SHOP}/help/questions-{n}", page("Frequent questions", markup)


def bundle(n: int) -> Page:
    numbers = (n, n + 1, n + 2)
    markup = (
        json_ld([product(number) for number in numbers]),
        "".join(card(number) for number in numbers),
        "".join(card(number, url=False) for number in numbers),
        json_ld(*[product(number, url=SHOP + path_of(number)) for number in numbers]),
        json_ld(
            node(
                "OfferCatalog", name="Set", itemListElement=[product(number) for number in numbers]
            )
        ),
    )[n % 5]
    heading = ("The reading corner", "Set of three", "Complete the look", "Summer bundle")[n % 4]
    return f"{SHOP}/sets/corner-{n}", page(heading, markup)


def news(n: int) -> Page:
    name = NAMES[n % 10]
    article = node("NewsArticle", headline=f"{name} wins a prize", datePublished="2025-01-01")
    markup = (
        json_ld(article),
        json_ld(article, product(n)),
        json_ld({**article, "isPartOf": product(n, name="The Daily Shop")}),
        json_ld(article) + card(n),
        json_ld({"@context": "https://schema.org", "@graph": [article, product(n)]}),
    )[n % 5]
    og = {
        "og:type": "article",
        "og:title": f"{name} wins a prize",
        **(metas_of(n) if n > 6 else {}),
    }
    return f"{SHOP}/news/prize-{n}", page(f"{name} wins a prize", markup, og=og)


def recipe(n: int) -> Page:
    dish = node("Recipe", name="Pumpkin soup", recipeIngredient=["1 pumpkin"], url=f"{SHOP}/r/{n}")
    markup = (
        json_ld(dish),
        json_ld(dish, product(n)),
        json_ld(dish) + card(n) + card(n + 1),
        json_ld({**dish, "tool": product(n)}),
        json_ld(dish, product(n, url=SHOP + path_of(n))),
    )[n % 5]
    where = (f"/recipes/pumpkin-soup-{n}", f"/rezepte/kuerbissuppe-{n}")[n % 2]
    return SHOP + where, page("Pumpkin soup", markup, og={"og:type": "article"} if n > 4 else None)


def cart(n: int) -> Page:
    markup = (
        card(n),
        card(n, url=False) + gtag("view_cart", n),
        json_ld(product(n)),
        card(n) + card(n + 1),
        gtag("view_cart", n) + gtag("add_to_cart", n),
    )[n % 5]
    where = ("/cart", "/checkout/cart", "/warenkorb", "/de/warenkorb", "/basket")[n % 5]
    return SHOP + where, page("Your cart", markup)


def search(n: int) -> Page:
    name = NAMES[n % 10]
    markup = (
        card(n),
        json_ld(node("SearchResultsPage"), product(n)),
        gtag("view_search_results", n) + card(n, url=False),
        json_ld(product(n, url=SHOP + path_of(n))),
        card(n) + gtag("view_item_list", n),
    )[n % 5]
    where = ("/search?q=lamp", "/?s=lamp", "/catalogsearch/result?q=lamp", "/suche?q=lamp")[n % 4]
    heading = name if n in (0, 5) else "Results for lamp"
    return SHOP + where, page(heading, markup)


def order_placed(n: int) -> Page:
    order = node(
        "Order", orderNumber="17", acceptedOffer={"@type": "Offer", "itemOffered": product(n)}
    )
    markup = (
        json_ld(order),
        gtag("purchase", n, transaction_id="17"),
        card(n),
        json_ld(product(n)),
        gtag("purchase", n) + json_ld(node("Invoice", referencesOrder=order)),
    )[n % 5]
    where = ("/checkout/thank-you", "/order/received/17", "/order-confirmation", "/orders/17")[
        n % 4
    ]
    return SHOP + where, page("Thank you for your order", markup)


def front_page(n: int) -> Page:
    markup = (
        json_ld(product(n)),
        card(n),
        json_ld(node("WebSite", url=SHOP + "/"), product(n, url=SHOP + "/")),
        gtag("view_item", n),
        json_ld([product(n), product(n + 1)]),
    )[n % 5]
    og = {"og:type": "product", "og:title": NAMES[n % 10], **metas_of(n)} if n > 4 else None
    return SHOP + ("/", "/de/", "/en", "/index.html")[n % 4], page(NAMES[n % 10], markup, og=og)


def account(n: int) -> Page:
    markup = (
        json_ld(node("ProfilePage", mainEntity=node("Person", name="Ann"))) + card(n),
        card(n),
        card(n, url=False),
        json_ld(product(n)),
        card(n) + card(n + 1),
    )[n % 5]
    where = ("/account", "/account/orders", "/mein-konto", "/customer/recent")[n % 4]
    return SHOP + where, page("Your account", markup)


def rating_of_the_shop(n: int) -> Page:
    rated = {"@type": "AggregateRating", "ratingValue": "4.8", "reviewCount": 312}
    markup = (
        json_ld(node("Product", name="Shop", aggregateRating=rated)),
        json_ld(node("Organization", name="Shop", aggregateRating=rated)),
        json_ld(node("Product", name="shop.example", aggregateRating=rated))
        + card(n)
        + card(n + 1),
        json_ld(node("Product", name="Shop", aggregateRating=rated, review=[])),
        json_ld(node("Store", name="Shop", aggregateRating=rated)) + card(n) + card(n + 1),
    )[n % 5]
    return f"{SHOP}/about/reviews-{n}", page("What our customers say", markup)


def category_marked_as_product(n: int) -> Page:
    many = {
        "@type": "AggregateOffer",
        "lowPrice": "9.90",
        "highPrice": "499.00",
        "priceCurrency": "EUR",
        "offerCount": str(20 + 10 * n) if n % 2 else 20 + 10 * n,
    }
    where = (
        "/collections/floor-lamps",
        "/category/floor-lamps",
        "/c/floor-lamps",
        "/de/kategorie/floor-lamps",
        "/product-category/floor-lamps",
    )[n % 5]
    changes: dict[str, Any] = {"sku": None, "offers": many}
    if n > 4:
        changes["url"] = SHOP + where
    return SHOP + where, page("Floor lamps", json_ld(product(n, name="Floor lamps", **changes)))


def events_of_other_pages(n: int) -> Page:
    """Events of lists and carts, and view_item where it is only prepared, or one of many."""
    markup = (
        gtag("view_item_list", n),
        gtag("select_item", n),
        QUICK_VIEW,
        gtag("view_item", n, n + 1),
        gtag("view_item", n) + gtag("view_item", n + 1),
        gtag("view_promotion", n) + gtag("add_to_wishlist", n),
        gtag("view_item", n) + json_ld(node("CollectionPage", name="Lamps")),
        gtag("view_item", n) + gtag("view_item_list", n, n + 1),
        f"<!-- {gtag('view_item', n)} -->",
        f"<a onclick=\"gtag('event', 'view_item', {{}})\">{NAMES[n % 10]}</a>",
    )[n]
    return f"{SHOP}/lamps-{n}", page("Lamps", markup, og={"og:type": "website"})


def metas_on_every_page(n: int) -> Page:
    """A theme that prints the metas of some product on its lists and texts."""
    where = (
        "/collections/lamps",
        "/category/lamps",
        "/cart",
        "/search?q=lamp",
        "/blog/lamps",
        "/collections/lamps?page=2",
        "/brands/acme",
        "/wishlist",
        "/account/orders",
        "/c/lamps",
    )[n]
    og = {"og:type": ("website", "article")[n == 4], "og:title": "Lamps", **metas_of(n)}
    return SHOP + where, page("Lamps", og=og)


def text_page(n: int) -> Page:
    service = node("Service", name="Repair", offers=product(n)["offers"])
    markup = (
        json_ld(node("AboutPage"), product(n)),
        json_ld(node("ContactPage", about=product(n))),
        json_ld(service),
        json_ld(node("WebPage", mentions=product(n))),
        json_ld(node("Event", name="Sale", offers=product(n)["offers"])),
    )[n % 5]
    return f"{SHOP}/pages/about-{n}", page("About us", markup)


KINDS: tuple[Callable[[int], Page], ...] = (
    listing_with_one_card,
    listing_of_many,
    blog_post,
    brand_page,
    comparison,
    wishlist,
    store_locator,
    questions,
    bundle,
    news,
    recipe,
    cart,
    search,
    order_placed,
    front_page,
    account,
    rating_of_the_shop,
    category_marked_as_product,
    events_of_other_pages,
    metas_on_every_page,
    text_page,
)


def other_pages() -> Iterator[tuple[str, str, str]]:
    """Name, address and markup of each page."""
    for kind in KINDS:
        for n in range(10):
            url, html = kind(n)
            yield f"{kind.__name__} {n}", url, html
