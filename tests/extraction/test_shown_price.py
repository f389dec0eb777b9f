"""Which of the prices that an object may mean its page shows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from topmail_flask import Product, Settings, extract
from topmail_flask.extraction.objects import ProductReader
from topmail_flask.extraction.shown_price import shown_price
from topmail_flask.model.decision import Extraction, GuessedProduct, ShopPrice

PAGE = "https://tea.example/teas/7"
NONE = "nothing that the page says"


def guess(*amounts: str, currency: str = "EUR", needs_page: bool = False) -> GuessedProduct:
    prices = tuple(
        ShopPrice(Decimal(amount), currency, "price", needs_page=needs_page and at > 0)
        for at, amount in enumerate(amounts)
    )
    product = Product(id="7", name="Assam", url=PAGE, price=prices[0].amount, currency=currency)
    return GuessedProduct(product, prices)


@pytest.mark.parametrize(
    ("page", "amount", "currency"),
    [
        ("<p>19.90 EUR</p>", "19.90", "EUR"),
        ("<p>19,90 €</p>", "19.90", "EUR"),
        ("<p>€19.90</p>", "19.90", "EUR"),
        ("<p>12,50&euro;</p>", "12.50", "EUR"),
        ("<p>20.00USD</p>", "20", "USD"),
        ("<p>$ 12.5</p>", "12.50", "USD"),
        ("<p>A$20</p>", "20", "AUD"),
        ("<p>99 $</p>", "99", "USD"),
        ("<b>$1,299.00</b>", "1299.00", "USD"),
        ("<b>1.299,00&nbsp;€</b>", "1299.00", "EUR"),
        ("<b>1 299 kr</b>", "1299.00", "SEK"),
        ("<b>1\u202f299,00 €</b>", "1299.00", "EUR"),
        ("<b>1&nbsp;299,-&nbsp;Kč</b>", "1299.00", "CZK"),
        ("<p>450,- Kč</p>", "450", "CZK"),
        ("<b>CHF 1'299.–</b>", "1299.00", "CHF"),
        ("<b>₹1,23,456.00</b>", "123456.00", "INR"),
        ("<p>Rs. 450</p>", "450", "INR"),
        ("<p>Rs.450/-</p>", "450", "INR"),
        ("<p>R$ 1.234,56</p>", "1234.56", "BRL"),
        ("<b>12990 ₽</b>", "12990", "RUB"),
        ("<b>¥1,980</b>", "1980", "JPY"),
        ("<b>1980円</b>", "1980", "JPY"),
        ("<b>٣٫٥٠ €</b>", "3.50", "EUR"),
        ("<span>€</span><span>12</span><sup>99</sup>", "12.99", "EUR"),
        ("<b><span>12</span><span>,99</span> €</b>", "12.99", "EUR"),
        ("<p class=price>5</p>", "5", "EUR"),
        ("<div class='preis'><b>5,00</b></div>", "5", "EUR"),
        ("<label>Price</label><span>20</span>", "20", "EUR"),
        ("<b>9.9</b>", "9.90", "EUR"),
        ("<span itemprop=price content='19.90'>x</span>", "19.90", "EUR"),
        ("<div data-price='19.9'></div>", "19.90", "EUR"),
        ("<ul class=list-group><li><del>9 €</del> <ins>8 €</ins></li></ul>", "8", "EUR"),
        ("<div class=font-normal><i class=sale-price>8 €</i></div>", "8", "EUR"),
        ("<div data-product-price=19.90></div><i>Delivery 5 €</i>", "19.90", "EUR"),
        ("<div data-sale-price=19.90></div><i>Delivery 5 €</i>", "19.90", "EUR"),
        ("<p class=price>EUR 0.00</p>", "0", "EUR"),
        ("<p>Cart: 0.00 EUR</p><b>9.9</b>", "9.90", "EUR"),
        ("<h1>Pour-over set</h1><p class=price>€49.00</p>", "49.00", "EUR"),
        ("<p>Free delivery</p><b>20 EUR</b>", "20", "EUR"),
        ("<script>f('€')</script><p>9.90 EUR</p>", "9.90", "EUR"),
        ("<p>€100.00 excl. VAT</p>", "100", "EUR"),
        ("<p>39,60 €/kg</p>", "39.60", "EUR"),
        ("<b>€119</b> (net €100)", "119", "EUR"),
        ("<b>1.200,00 €</b> or 12 x 100,00 €", "1200", "EUR"),
        ("<h1>Popular accessories</h1><p>€9</p>", "9", "EUR"),
        ("<h2>Similar, a novel</h2><p>€9</p>", "9", "EUR"),
        ("<a>Cart 0,00 €</a> <b>3,99 €/kg</b>", "3.99", "EUR"),
        ("<a>Cart €2</a> <b>3,99 €</b> per piece, net weight 1 kg", "3.99", "EUR"),
        ("<b>3,99 €</b> net weight 1 kg, <b>$5</b>", "3.99", "EUR"),
        ("<h2>Related</h2><p>€5</p><h2>Assam</h2><p>€9</p>", "9", "EUR"),
        ("<button>Add to cart – €9.90</button>", "9.90", "EUR"),
        ("<p>12,800円（税込）</p><p>11,636円（税抜）</p>", "12800", "JPY"),
        ("<p>۱٬۲۳۴٬۰۰۰ ریال</p>", "1234000", "IRR"),
        ("<p>৳ ১,৪৯৯</p>", "1499", "BDT"),
        ("<p>49€90</p>", "49.90", "EUR"),
        ("<p>49 €<sup>90</sup></p>", "49.90", "EUR"),
        ("<p>1 299:-</p>", "1299", "SEK"),
        ("<p>S/ 129.90</p>", "129.90", "PEN"),
        ("<p>15 000 FCFA</p>", "15000", "XOF"),
        ("<p>49.90 DH</p>", "49.90", "MAD"),
        ("<p>49.90 Birr</p>", "49.90", "ETB"),
        ("<p>￥129.00</p>", "129", "CNY"),
        ("<p>0.30000000000000004 €</p>", "0.30", "EUR"),
        ("<h1>Tea</h1><aside><h3>Bestseller</h3>Mug €5</aside><p>€9.90</p>", "9.90", "EUR"),
        ("<h4>Recently viewed</h4><p>Mug €5</p><h1>Tea</h1><p>€9.90</p>", "9.90", "EUR"),
        ("<p>40 € / kg</p><footer>Free delivery over 50 €</footer>", "40", "EUR"),
        ("<p>€40 €50</p>", "40", "EUR"),
        ("<p>The Original, 9,90 €</p>", "9.90", "EUR"),
        ("<p>9.90 € now in stock</p>", "9.90", "EUR"),
        ("<p>49.90 € / 97.60 лв.</p>", "49.90", "EUR"),
        ("<p>97.60 лв. / 49.90 €</p>", "97.60", "BGN"),
        ("<i>Regular price</i> <b>$49.90 USD</b>", "49.90", "USD"),
        ("<i>Regular price</i> <b>$9</b> <i>Sale price</i> <b>$9</b>", "9", "USD"),
        ("<p>MRP: ₹499 (incl. of all taxes)</p>", "499", "INR"),
        ("<p>12,00 - 30,00 €</p>", "12", "EUR"),
        ("<b>49<sup>€90</sup></b>", "49.90", "EUR"),
        ("<b class=price><i>49</i><i class=price-decimal>90</i> €</b>", "49.90", "EUR"),
        ("<b>49&#44;90&nbsp;€</b>", "49.90", "EUR"),
        ("<p>Regular 49 €</p><p>Buy 10 for 40 € each</p>", "49", "EUR"),
        ("<label>Once €49</label><label>Monthly €44</label>", "49", "EUR"),
        ("<b>49,90 €</b> <i>Members pay 44,91 €</i>", "49.90", "EUR"),
        ("<b>49 €</b><p>Shipping 25 €</p>", "49", "EUR"),
        ("<b>49 €</b><h2>Related</h2><p>Mug 25 €</p>", "49", "EUR"),
        ("<b>49 €</b> <a href=/teas/8>Next: Mug 25 €</a>", "49", "EUR"),
        ("<h1>Assam</h1><h3><a href=/brands/lumo>Lumo</a></h3><p>9 €</p>", "9", "EUR"),
        ("<ul><li><h4><a href=/teas/8>Mug</a></h4>5 €</li></ul><p>9 €</p>", "9", "EUR"),
        ("<p>" + "7 " * 400 + "</p><b>7,95 €</b>", "7.95", "EUR"),
        ("<p>49,90 €</p><p>Subscribe and pay 39,90 €</p>", "49.90", "EUR"),
        ("<p>49,90 €</p><p>Paperback 29,90 €</p>", "49.90", "EUR"),
        ("<p>49,90 €</p><p>Goes well with: Cup, 39,90 €</p>", "49.90", "EUR"),
        ("<b>49,90 €</b><div><p>Cup</p><b>39,90 €</b></div>", "49.90", "EUR"),
        ("<b>49,90 €</b><div><img src=/c.jpg><b>39,90 €</b></div>", "49.90", "EUR"),
        ("<p>Cups from 39,90 €</p><b>49,90 €</b>", "49.90", "EUR"),
        ("<b>49,90 €</b><p>Small 39,90 €</p><p>Large 49,90 €</p>", "49.90", "EUR"),
        ("<p>1 l: 14,90 € | 0,5 l: 9,90 €</p>", "14.90", "EUR"),
        ("<p>49,90 € <i>Used from 29,90 €</i></p>", "49.90", "EUR"),
        ("<p>11,636円（税抜） 12,800円（税込）</p>", "12800", "JPY"),
        ("<p>983 Kč bez DPH</p><p>1 189 Kč s DPH</p>", "1189", "CZK"),
        ("<aside>Mug €5</aside><p>€9.90</p>", "9.90", "EUR"),
        ("<span data-price=7><i aria-hidden=true>7 €</i></span>", "7", "EUR"),
    ],
)
def test_a_price_is_shown_in_any_usual_writing(page: str, amount: str, currency: str) -> None:
    shown = shown_price(page.encode(), guess(amount, currency=currency))
    assert shown.price is not None, shown
    assert shown.price.amount == Decimal(amount)
    assert shown.proof in page.encode() or set(page) & set("٣۳৪")


@pytest.mark.parametrize(
    ("page", "amount", "currency"),
    [
        ("<p>100% cotton</p><p>79 EUR</p>", "100", "EUR"),
        ("<p>Only 3 left, 3 reviews, $30</p>", "3", "USD"),
        ("<p>weighs 1.50 kg</p><p>79 EUR</p>", "1.50", "EUR"),
        ("<s>$234</s> $219", "234", "USD"),
        ("<del><span>$100</span></del> <ins>$79</ins>", "100", "USD"),
        ("<span class=old-price>100 €</span><span class=price>79 €</span>", "100", "EUR"),
        ("<i class='list-price'>$100</i><i class='sale-price'>$79</i>", "100", "USD"),
        ("was $100 now $79", "100", "USD"),
        ("<p>Save 20 EUR</p><b>80 EUR</b>", "20", "EUR"),
        ("<p>Free shipping over $50</p><b>$45</b>", "50", "USD"),
        ("<b>119,00 €</b> <i>(100,00 € excl. VAT)</i>", "100", "EUR"),
        ("<b>€119</b> <small>net €100</small>", "100", "EUR"),
        ("<b>9,90 €</b> <small>39,60 €/kg</small>", "39.60", "EUR"),
        ("<b>1.200,00 €</b> or 12 x 100,00 €", "100", "EUR"),
        ("<b>€1,200</b> <i>or €100 per month</i>", "100", "EUR"),
        (
            "<h1>Assam</h1><b>€24</b><h3>You may also like</h3><p>Mug</p><p class=price>€19</p>",
            "19",
            "EUR",
        ),
        ("<h1>Assam</h1><h2>Related products</h2><hr><p class=price>€19</p>", "19", "EUR"),
        ("<h1>Assam</h1><h4>Accessories</h4><p>Bulb €19</p><h2>Assam</h2><b>€24</b>", "19", "EUR"),
        ("<b>39,90 €</b> <i>lowest price of the last 30 days: 35,00 €</i>", "35", "EUR"),
        ("<p>5 € voucher for your address</p><b>39,90 €</b>", "5", "EUR"),
        ("<p>Now €10 off</p><b>€29</b>", "10", "EUR"),
        ("<a href=/cart>2: €10</a><b>€12</b>", "10", "EUR"),
        ("<p>Cart: €10</p><b>€12</b>", "10", "EUR"),
        ("<p>99 USD</p>", "99", "EUR"),
        ("<i class=oldPrice>59.90 €</i> <b>49.90 €</b>", "59.90", "EUR"),
        ("<i class=prev-price>59.90 €</i> <b>49.90 €</b>", "59.90", "EUR"),
        ("<i class=precio-anterior>59.90 €</i> <b>49.90 €</b>", "59.90", "EUR"),
        ("<i class=originalPrice>59.90 €</i> <b class=salePrice>49.90 €</b>", "59.90", "EUR"),
        ("<i class=price-item--regular>59.90 €</i> <ins>49.90 €</ins>", "59.90", "EUR"),
        ("<div data-old-price='59.90' data-price='49.90'>49.90 €</div>", "59.90", "EUR"),
        ("<div data-compare-at-price=59.90>49.90 €</div>", "59.90", "EUR"),
        ("<div data-price-before=59.90>49.90 €</div>", "59.90", "EUR"),
        ("<div data-price-max=59.90>49.90 €</div>", "59.90", "EUR"),
        ("<del data-price=59.90>59.90</del> 49.90 €", "59.90", "EUR"),
        ("<b class=old-price data-price=59.90></b> 49.90 €", "59.90", "EUR"),
        ("<h1>Tea</h1>9 €<h2>Related</h2><p data-price=5>Mug</p>", "5", "EUR"),
        ("<h4>Recently viewed</h4><p>Mug €5</p><h1>Tea</h1><p>€9.90</p>", "5", "EUR"),
        ("<p>In stock: 50</p><p>€45</p>", "50", "EUR"),
        ("<p>49,90 € anziché 59,90 €</p>", "59.90", "EUR"),
        ("<p>Reduced from €59.90 to €49.90</p>", "59.90", "EUR"),
        ("<p>Orig. €59.90, you pay €49.90</p>", "59.90", "EUR"),
        ("<p>Usual price 59.90 € Sale 49.90 €</p>", "59.90", "EUR"),
        ("<p>M.R.P.: ₹599 Deal ₹499</p>", "599", "INR"),
        ("<p>通常価格 ¥5,980 セール ¥4,980</p>", "5980", "JPY"),
        ("<p>de R$ 59,90 por R$ 49,90</p>", "59.90", "BRL"),
        ("<p>van € 59,90 voor € 49,90</p>", "59.90", "EUR"),
        ("<p>Ord. pris 599 kr Nu 499 kr</p>", "599", "SEK"),
        ("<p>49€90</p>", "49", "EUR"),
        ("<p class=price>Price on request</p>", "49", "EUR"),
        ("<p>Preis auf Anfrage</p>", "49", "EUR"),
        ("<p>Prix sur demande</p>", "49", "EUR"),
        ("<a href=/login>Log in to see prices</a>", "49", "EUR"),
        ("<a href=tel:1>Call for price</a>", "49", "EUR"),
        ("<p>Běžná cena 59,90 €</p><p>49,90 €</p>", "59.90", "EUR"),
        ("<p>原价 ¥59</p><p>¥49</p>", "59", "CNY"),
        ("<s>99</s><p>De: R$ 59,90</p><p>Por: R$ 49,90</p>", "59.90", "BRL"),
        ("<tr><td>List:<td>€59.90<tr><td>Price:<td>€49.90", "59.90", "EUR"),
        ("<b data-strike=true>€59.90</b> <b>€49.90</b>", "59.90", "EUR"),
        ("<b class=original-price>€59.90</b> <b class=final>€49.90</b>", "59.90", "EUR"),
        ("<i>war 59,90 €</i> <small>-17 %</small> <b>49,90 €</b>", "59.90", "EUR"),
        ("<b>59,90 €</b><i aria-label='59,90 €'>59,90 €</i><b>49,90 €</b>", "59.90", "EUR"),
        ("<p>49,90 €</p><p>Buy 10 for 39,90 € each</p>", "39.90", "EUR"),
        ("<p>49,90 €</p><p>3 für 120 €</p>", "120", "EUR"),
        ("<tr><th>Price<td>€49.90<tr><th>You save<td>€12.00", "12", "EUR"),
        ("<p>49,90 €</p><p>Ersparnis 12,00 €</p>", "12", "EUR"),
        ("<p>49,90 €</p><p>zzgl. 12,00 € Versand</p>", "12", "EUR"),
        ("<p>49,90 €</p><i>(1 kg = 9,98 €)</i>", "9.98", "EUR"),
        ("<p>49,90 €</p><i>9,98 € al kg</i>", "9.98", "EUR"),
        ("<p>€49.90</p><i>€9.98/serving</i>", "9.98", "EUR"),
        ("<p>$54.89 inc GST</p><p>$49.90 + GST</p>", "49.90", "AUD"),
        ("<b>49,90 €*</b> <i class=list-price>59,90 €*</i>", "59.90", "EUR"),
        ("<p>49,90 €</p><p>Ursprünglich: 59,90 €</p>", "59.90", "EUR"),
        ("<b>49,900원</b><i class=origin>59,900원</i>", "59900", "KRW"),
        ("<b>EGP 499.00</b> <i>EGP 999.00</i>", "999", "EGP"),
        ("<p class=old-price><i data-price=59.90></i></p><b>49.90 €</b>", "59.90", "EUR"),
        ("<i>€41.93 excl. VAT</i><b>€49.90 incl. VAT</b>", "41.93", "EUR"),
        ("<p hidden>41.93 €</p><p>49.90 €</p>", "41.93", "EUR"),
        ("<p style='display:none'>41.93 €</p><p>49.90 €</p>", "41.93", "EUR"),
        ("<b data-price-net=41.93>49.90 €</b>", "41.93", "EUR"),
        ("<h1>Tea</h1>9 €<h2>Similar</h2><h3><a href=/teas/8>Mug</a></h3>5 €", "5", "EUR"),
        ("<h1>Tea</h1>9 €<a href=/teas/8><h3>Mug</h3></a><p>5 €</p>", "5", "EUR"),
        ("<h1>Tea</h1>9 €<a href=8><p>Mug</p><p>5 €</p></a>", "5", "EUR"),
        ("<h1>Tee</h1>9 €<h2>Ähnliche Produkte</h2><p>5 €</p>", "5", "EUR"),
        ("<p>US$20</p>", "20", "AUD"),
        ("<b>$1.50</b>", "150", "USD"),
        ("<p>1,299.99 EUR</p>", "299.99", "EUR"),
        ("<p>1299.00 EUR</p>", "299", "EUR"),
        ("<p>100 EUR</p>", "10", "EUR"),
        ("<p>€ 1.299</p>", "1.30", "EUR"),
        ("<p class=price>79</p>", "100", "EUR"),
        ("<!-- 100 EUR --><p>79 EUR</p>", "100", "EUR"),
        ("<script>price = '100 EUR'</script><p>79 EUR</p>", "100", "EUR"),
    ],
)
def test_a_price_that_the_page_contradicts_is_not_shown(
    page: str, amount: str, currency: str
) -> None:
    shown = shown_price(page.encode(), guess(amount, currency=currency))
    assert shown.price is None
    assert shown.rejected is not None, shown
    assert shown.rejected.why.startswith("price_not_shown")


@pytest.mark.parametrize(
    "page",
    [
        "<h1>Assam</h1>",
        "<p>100 % cotton</p>",
        "<b>5</b>",
        "<p>Cart: 0.00 EUR</p>",
        "<script>var price = '$80'</script><div id=price></div>",
        "<style>.price { margin: 5px }</style>",
        "<script>const text = 'Price on request'</script><b class=price></b>",
        "<p>Call for details</p><p>Log in to see your orders</p><b>Price:</b>",
        "<b class=price>…</b></main><footer>© 2026</footer>",
        "<b class=price></b><script>draw(49.90)</script>",
        "<p>Free delivery over 50 €</p><b class=price></b>",
    ],
)
def test_a_page_without_money_contradicts_nothing(page: str) -> None:
    shown = shown_price(page.encode(), guess("100"))
    assert (shown.price, shown.rejected) == (None, None)


@pytest.mark.parametrize("part", ["12.00", "16.63", "9.98"])
def test_a_small_share_of_the_price_is_no_price_in_any_language(part: str) -> None:
    """A saving, an instalment, the price of a kilogram."""
    shown = shown_price(f"<p>49,90 €</p><p>Xyz {part} €</p>".encode(), guess("49.90", part))
    assert shown.price is not None
    assert shown.price.amount == Decimal("49.90")


def test_of_several_prices_that_are_shown_the_lowest_is_the_price() -> None:
    page = b"<p>$234</p><p>$219</p><p>12 x $20</p>"
    shown = shown_price(page, guess("234", "219", "20", currency="USD"))
    assert shown.price is not None
    assert shown.price.amount == 219, "an instalment is no price"


@pytest.mark.parametrize(
    ("page", "fix"),
    [("<b>$1.50</b>", "minor"), ("<b>$15000</b>", "major"), ("<b>$79</b>", "fields=")],
)
def test_why_a_price_is_not_sent_names_what_fixes_it(page: str, fix: str) -> None:
    rejected = shown_price(page.encode(), guess("150", currency="USD")).rejected
    assert rejected is not None
    assert fix in rejected.fix
    assert "150" in rejected.why


def sent(page: str, known: GuessedProduct | None = None) -> str | None:
    price = extract(page, PAGE, template_product=known or guess("100")).product
    assert price is not None
    return None if price.price is None else f"{price.price:f} {price.currency}"


def test_a_sale_that_changes_the_page_and_not_the_object_is_seen_on_the_next_view() -> None:
    known = guess("100", "80")
    before = "<h1>Assam</h1><p class=price>100 EUR</p>"
    on_sale = "<h1>Assam</h1><p class=price>80 EUR</p>"
    struck = "<h1>Assam</h1><p class=price><s>100 EUR</s> 80 EUR</p>"
    members = "<h1>Assam</h1><p class=price>66 EUR</p>"
    for _ in range(2):
        assert sent(before, known) == "100 EUR"
        assert sent(on_sale, known) == "80 EUR"
        assert sent(struck, known) == "80 EUR"
        assert sent(members, known) is None


def test_a_sale_that_strikes_the_price_around_its_element_is_seen_on_the_next_view() -> None:
    before = "<p><span class=amount><bdi>100 EUR</bdi></span></p>"
    on_sale = f"<p><del>{before[3:-4]}</del> <ins><span class=amount>80 EUR</span></ins></p>"
    beside = f"{before}<p><span class=amount>80 EUR</span></p>"
    for price, known in ((None, guess("100")), ("80 EUR", guess("100", "80"))):
        assert sent(before, known) == "100 EUR"
        assert sent(on_sale, known) == price
    assert sent(before, guess("100", "80")) == "100 EUR"
    assert sent(beside, guess("100", "80")) == "80 EUR"


@pytest.mark.parametrize(
    ("page", "fix"),
    [
        ("<b>£9.50</b>", 'Set TOPMAIL_CURRENCY = "GBP", or'),
        ("<b>9,50 kr</b>", "Set TOPMAIL_CURRENCY = the one whose sign is kr, or"),
        ("<b>Rs 9.50</b>", "Set TOPMAIL_CURRENCY = the one whose sign is Rs, or"),
        ("<b>USD 9.50</b>", 'Set TOPMAIL_CURRENCY = "USD", or'),
        ("<b>£19.50</b>", "@product_page(fields="),
        ("<b>19.50 €</b>", "@product_page(fields="),
    ],
)
def test_the_same_amount_in_another_currency_asks_for_that_one(page: str, fix: str) -> None:
    rejected = shown_price(page.encode(), guess("9.50")).rejected
    assert rejected is not None
    assert rejected.fix.startswith(fix)


def test_the_price_in_the_pages_structured_data_is_sent_with_its_currency() -> None:
    told = (
        '{"@type":"Product","productID":"7","name":"Assam",'
        '"offers":{"price":"99","priceCurrency":"USD"}}'
    )
    page = f'<script type="application/ld+json">{told}</script><h1>Assam</h1>'
    found = extract(page, PAGE, template_product=guess("2500"))
    assert found.product is not None
    assert (found.product.price, found.product.currency) == (Decimal(99), "USD")
    (conflict,) = found.trace.conflicts
    assert (conflict.value, conflict.other_value) == ("99.00 USD", "2500 EUR")


@pytest.mark.parametrize(
    ("shown", "price"),
    [
        ("<b>49.90 €</b>", "49.90 EUR"),
        ("<s>59.90 €</s> <b>49.90 €</b>", "49.90 EUR"),
        ("<b>49.90 €</b> <i>59.90 €/kg</i>", "49.90 EUR"),
        ("<b>59.90 €</b>", "59.90 EUR"),
        ("<b>59.90 €</b> <i>Subscribers 49.90 €</i>", "59.90 EUR"),
        ("<b>39.90 €</b>", "59.90 EUR"),
        ("", "59.90 EUR"),
    ],
)
def test_the_objects_price_is_sent_where_only_it_is_shown_and_not_the_one_of_structured_data(
    shown: str, price: str
) -> None:
    told = (
        '{"@type":"Product","productID":"7","name":"Assam",'
        '"offers":{"price":"59.90","priceCurrency":"EUR"}}'
    )
    block = f'<script type="application/ld+json">{told}</script>'
    for _ in range(2):
        assert sent(f"{block}<h1>Assam</h1>{shown}", guess("49.90")) == price
    found = extract(f"{block}<h1>Assam</h1>{shown}", PAGE, template_product=guess("49.90"))
    [conflict] = found.trace.conflicts
    assert conflict.value == price
    assert {conflict.value, conflict.other_value} == {"49.90 EUR", "59.90 EUR"}


def test_a_zero_in_the_pages_structured_data_is_no_price_beside_the_one_that_is_shown() -> None:
    told = '{"@type":"Product","name":"Assam","offers":{"price":0,"priceCurrency":"EUR"}}'
    page = f'<script type="application/ld+json">{told}</script><h1>Assam</h1><p>25 €</p>'
    assert sent(page, guess("25")) == "25 EUR"
    assert sent(page, guess("0")) == "0.00 EUR"


def test_a_declared_price_is_the_shops_word() -> None:
    product = Product(id="7", name="Assam", url=PAGE, price=Decimal(100), currency="EUR")
    found = extract("<b>79 EUR</b>", PAGE, declared=product, settings=Settings())
    assert found == Extraction(product, None, found.trace)


SALES = {
    "struck": "<del>100 €</del> <b>{} €</b>",
    "beside it": "<span class=price>100 €</span> <span class=price>{} €</span>",
    "in lines": "<p>Price: 100 €</p><p>Our price: {} €</p>",
    "before it": "<p>{} € <span>100 €</span></p>",
}


@pytest.mark.parametrize("now", ["55", "35", "25", "9"])
@pytest.mark.parametrize("name", ["sale_price", "special_price", "final_price"])
@pytest.mark.parametrize("how", SALES)
def test_a_price_that_is_named_as_the_one_of_today_counts_however_low_it_is(
    how: str, name: str, now: str
) -> None:
    """A last piece at a quarter of its price is no instalment: the shop's own name says so."""
    reader = ProductReader(Settings(currency="EUR"))
    lamp = reader.guess({"id": 7, "name": "Assam", "price": 100, name: now}, PAGE, {})
    shown = shown_price(SALES[how].format(now).encode(), lamp)
    assert shown.price is not None
    assert shown.price.amount == Decimal(now)


@pytest.mark.parametrize("now", ["55", "35", "12"])
@pytest.mark.parametrize("how", SALES)
def test_the_price_counts_beside_the_regular_one_however_low_it_is(how: str, now: str) -> None:
    reader = ProductReader(Settings(currency="EUR"))
    lamp = reader.guess({"id": 7, "name": "Assam", "price": now, "regular_price": 100}, PAGE, {})
    shown = shown_price(SALES[how].format(now).encode(), lamp)
    assert shown.price is not None
    assert shown.price.amount == Decimal(now)


@pytest.mark.parametrize("percent", [45, 65, 75])
@pytest.mark.parametrize("how", SALES)
def test_a_price_less_its_percentage_counts_where_the_page_shows_it(how: str, percent: int) -> None:
    reader = ProductReader(Settings(currency="EUR"))
    tea = {"id": 7, "name": "Assam", "price": 80, "discount_percent": percent}
    now = Decimal(80) * (100 - percent) / 100
    page = SALES[how].replace("100", "80").format(f"{now:.2f}")
    shown = shown_price(page.encode(), reader.guess(tea, PAGE, {}))
    assert shown.price is not None
    assert shown.price.amount == now


@pytest.mark.parametrize(("now", "counts"), [("55", True), ("35", True), ("10", False)])
def test_a_discount_price_of_a_tenth_is_the_amount_off(now: str, counts: bool) -> None:
    reader = ProductReader(Settings(currency="EUR"))
    lamp = reader.guess({"id": 7, "name": "Assam", "price": 100, "discount_price": now}, PAGE, {})
    shown = shown_price(f"<p>{now} € <span>100 €</span></p>".encode(), lamp)
    assert shown.price is not None
    assert shown.price.amount == (Decimal(now) if counts else 100)


@pytest.mark.parametrize(
    ("page", "price"),
    [
        ("<p>from €20</p>", "20.00 EUR"),
        ("<p>S €20</p><p>Sample €5</p>", "5.00 EUR"),
        ("<option>S – €20</option><option>XL – €25</option>", "20.00 EUR"),
        ("<p>S €30</p>", None),
        ("<p>Assam</p>", "5.00 EUR"),
    ],
)
def test_of_a_products_variants_the_lowest_price_that_is_shown_is_sent(
    page: str, price: str | None
) -> None:
    tea = {"id": 7, "name": "Assam", "variants": [{"price": 20}, {"price": 25}, {"price": 5}]}
    reader = ProductReader(Settings(currency="EUR"))
    assert sent(page, reader.guess(tea, PAGE, {"number": 7})) == price
