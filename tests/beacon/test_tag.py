"""What ``{{ topmail_beacon() }}`` prints."""

from __future__ import annotations

import base64
import gzip
import html
import json
import logging
import subprocess
import sys
import zlib
from hashlib import sha512

import pytest
from flask import Flask, Response, render_template_string

from tests.beacon.visitor import ADDRESS, HUMAN, PAGE, SAME_ORIGIN, Tag, beacon_shop, post
from tests.shop import TEA, make_shop
from topmail_flask import product_page
from topmail_flask.app import state_of
from topmail_flask.beacon.beacon import Beacon


def test_a_page_is_the_same_for_every_visitor_and_may_be_cached() -> None:
    shop = beacon_shop()
    shop.app.add_url_rule("/bare", "bare", lambda: render_template_string("<p>"))
    state_of(shop.app).beacon = Beacon(state_of(shop.app).core, lambda: 1e9)
    known = shop.get("/tea", headers={"Cookie": "session=abc", "User-Agent": "one"})
    shop.topmail.shopper_loader(lambda: None)
    unknown = shop.get("/tea")

    assert known.text == unknown.text
    bare = {name for name, _ in shop.get("/bare").headers}
    assert {name for name, _ in known.headers} == bare


@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"User-Agent": "curl/8.5.0"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_a_page_for_a_request_that_does_not_count_has_its_beacon(
    headers: dict[str, str], is_marked: bool
) -> None:
    """It is shown to a visitor later: what was fetched ahead, or what a robot had a cache keep."""
    shop = make_shop({"SECRET_KEY": "secret"}, shopper=ADDRESS)

    def show() -> str:
        layout = "<title>{{ product.name }}</title>{% block main %}{% endblock %}"
        page = "{% extends layout %}{% block main %}{{ topmail_beacon() }}{% endblock %}"
        layouts = shop.app.jinja_env.from_string(layout)
        return render_template_string(page, layout=layouts, product=TEA)

    shop.app.add_url_rule("/tea", "tea", product_page(show) if is_marked else show)
    state_of(shop.app).beacon = Beacon(state_of(shop.app).core, lambda: 1e9)

    page = shop.get("/tea", headers=headers).text

    assert page == shop.get("/tea", headers={"User-Agent": HUMAN}).text
    assert Tag.of(page).token


def test_the_token_names_the_product_and_nobody() -> None:
    shop = beacon_shop()

    token = Tag.of(shop.get("/tea").text).token

    payload = token.lstrip(".").partition(".")[0]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    told = zlib.decompress(raw) if token.startswith(".") else raw
    assert b'"id":"tea-1"' in told
    assert ADDRESS.encode() not in told
    assert set(json.loads(told)) == {"id", "name", "url", "price", "currency"}


def test_the_tag_has_the_nonce_of_a_strict_policy_and_no_inline_script() -> None:
    shop = beacon_shop("""{{ topmail_beacon(product, nonce='r4nd"om') }}""")

    page = shop.get("/tea").text

    assert Tag.of(page).nonce == 'r4nd"om'
    assert page.endswith("></script>")


# Generic rules of EasyPrivacy, for whatever site: parts of an address.
BLOCKED = (
    *("/beacon", "beacon.", "/track", "track.", "tracker", "tracking", "/log?", "/log/", "/logger"),
    *("/analytics", "/collect", "/collector", "/event?", "/event/", "/events?", "/hit", "/pixel"),
    *("/stat", "stats", "/count", "counter", "/ping", "/pv", "/view?", "/pageview", "/page_view"),
    *("/visit", "/impression", "/imp?", "/metric", "/telemetry", "/perf", "/ga.js", "/tag", "tm."),
    *(".gif", "/b?", "/t?", "/e?", "/s?", "ref=", "referrer", "/usage", "/monitor", "/report"),
)


def test_the_addresses_are_on_no_general_list_of_trackers() -> None:
    shop = beacon_shop()
    page = f"https://shop.example{Tag.of(shop.get('/tea').text).src}"
    message = "https://shop.example/_shopfront/product"
    assert post(shop.app, "copy 1 x ").status_code == 204, "the message goes there"
    assert [rule for rule in BLOCKED if rule in page or rule in message] == []


def test_the_store_chooses_where_script_and_messages_are() -> None:
    """Also a store that wants to be on the lists of those who block trackers."""
    shop = beacon_shop(url_prefix="/_tracking")
    tag = Tag.of(shop.get("/tea").text)
    assert tag.src.startswith("/_tracking/product.js?v=")
    assert shop.get(tag.src).mimetype == "text/javascript"
    assert shop.get("/_shopfront/product.js").status_code == 404
    sent = {"User-Agent": HUMAN, **SAME_ORIGIN}
    shop.app.test_client().post("/_tracking/product", data=f"copy 50 {tag.token} ", headers=sent)
    assert shop.looked_at == ["tea-1", "tea-1"]


@pytest.mark.parametrize(
    ("mounted", "site", "address"),
    [
        ("", None, "/_shopfront/product.js"),
        ("/shop", None, "/shop/_shopfront/product.js"),
        ("", "https://example.com/shop", "/shop/_shopfront/product.js"),
        ("/shop", "https://example.com/shop", "/shop/_shopfront/product.js"),
    ],
)
def test_the_script_is_asked_for_where_the_store_is_mounted(
    mounted: str, site: str | None, address: str
) -> None:
    shop = beacon_shop(**({"site_url": site} if site else {}))

    page = shop.get("/tea", base_url=f"http://localhost{mounted}").text

    assert Tag.of(page).src.partition("?")[0] == address


NOISE = base64.urlsafe_b64encode(b"".join(sha512(b"%d" % n).digest() for n in range(22))).decode()
TWO = "{{ topmail_product({'id': 1, 'name': 'A'}) }}{{ topmail_product({'id': 2, 'name': 'B'}) }}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (TWO + "{{ topmail_beacon() }}", "ambiguous"),
        ("{{ topmail_beacon() }}", "no_product"),
        ("{{ topmail_beacon({'name': 'Tea'}) }}", "incomplete"),
        ("{{ topmail_beacon(topmail_beacon) }}", "incomplete"),
        (f"{{{{ topmail_beacon({{'id': 1, 'name': 'A', 'url': '/{NOISE}'}}) }}}}", "its address"),
    ],
)
def test_a_page_of_no_single_product_has_no_beacon_and_a_developer_reads_why(
    template: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    quiet, debugged = beacon_shop(), beacon_shop(debug_header=True)
    shown = []
    for shop in (quiet, debugged):
        shop.app.view_functions["pot"] = lambda: render_template_string(template)
        with caplog.at_level(logging.DEBUG, "topmail_flask"):
            shown.append(shop.get("/pot").text)

    assert shown[0] == ""
    assert html.unescape(shown[1]).startswith(f"<!-- topmail_beacon(): {reason}")
    assert f"prints nothing on /pot: {reason}" in caplog.text


@pytest.mark.parametrize(
    ("path", "reason"), [("/thanks/7", "buying"), ("/products/7/edit", "back_office")]
)
def test_a_page_of_buying_or_of_the_back_office_has_no_beacon(path: str, reason: str) -> None:
    """The base template of all pages prints it: a copy from a cache would count."""
    shop = make_shop({"TOPMAIL_DEBUG_HEADER": True})

    @shop.app.get(path.replace("7", "<number>"))
    def show(number: str) -> str:
        return render_template_string("{{ topmail_beacon() }}", product={**TEA, "id": number})

    assert f"topmail_beacon(): {reason}" in shop.get(path).text


def test_an_error_in_it_costs_the_beacon_and_not_the_page() -> None:
    shop = beacon_shop("{{ topmail_beacon(product, variants=17) }}<p>tea")

    assert shop.get("/tea").text == "<p>tea"


def test_outside_of_a_request_it_prints_nothing() -> None:  # a mail's template
    shop = beacon_shop()
    with shop.app.app_context():
        assert render_template_string(PAGE, product=TEA) == "<h1>Green tea</h1>"


@pytest.mark.parametrize("marked", ["by name", "by a callable"])
def test_without_an_argument_it_takes_the_product_of_a_marked_route(marked: str) -> None:
    shop = make_shop({"SECRET_KEY": "x"})
    mark = product_page("brew") if marked == "by name" else product_page(lambda: TEA)
    shop.app.add_url_rule(
        "/brew",
        "brew",
        mark(lambda: render_template_string("{{ topmail_beacon() }}", brew=TEA)),
    )

    assert Tag.of(shop.get("/brew").text).token


def test_a_long_picture_is_left_out_of_the_token() -> None:
    shop = beacon_shop("{{ topmail_beacon(product) }}")
    shop.app.view_functions["pot"] = lambda: render_template_string(
        "{{ topmail_beacon(product) }}", product={**TEA, "image_url": f"/{NOISE}.jpg"}
    )

    assert len(Tag.of(shop.get("/pot").text).token) <= 1400


def asked_for_script(app: Flask, address: str, **headers: str) -> Response:
    answer = app.test_client().get(address, headers=headers)
    assert isinstance(answer, Response)
    return answer


def test_the_script_is_small_and_kept_for_good_under_its_version() -> None:
    shop = beacon_shop()
    address = Tag.of(shop.get("/tea").text).src

    answer = asked_for_script(shop.app, address)

    assert len(gzip.compress(answer.data)) < 1024
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = asked_for_script(shop.app, address, **{"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    other = asked_for_script(shop.app, "/_shopfront/product.js?v=older")
    assert other.headers["Cache-Control"] == "public, max-age=3600"


def test_a_shop_that_does_not_use_it_loads_nothing_of_it() -> None:
    program = (
        "import sys\nfrom flask import Flask\nfrom topmail_flask import TopMail\n"
        "app = Flask('shop')\nTopMail(app)\napp.test_client().get('/')\n"
        "print([name for name in sys.modules if name.startswith('topmail_flask.beacon')])"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert told.stdout == b"[]\n"
