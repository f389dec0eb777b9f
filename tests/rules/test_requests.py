import re
from pathlib import Path

import pytest

from topmail_flask.model.reasons import Reason
from topmail_flask.rules import requests
from topmail_flask.rules.requests import (
    UNUSUAL_HEADERS,
    USUAL_HEADERS,
    refused_fetch_of_page,
    refused_request,
    refused_response,
)


def request(method: str = "GET", **headers: str) -> dict[str, str]:
    names = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return {"REQUEST_METHOD": method, "PATH_INFO": "/p/1", **names}


def test_only_a_get_is_a_view_of_a_page() -> None:
    for method in ("HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "get", ""):
        assert refused_request(request(method), marked=True) is Reason.METHOD
    assert refused_request({}, marked=True) is Reason.METHOD
    assert refused_request(request(), marked=False) is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sec_purpose", "prefetch"),
        ("sec_purpose", "prefetch;prerender"),
        ("sec_purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("purpose", "preview"),
        ("x_purpose", "preview"),
        ("x_purpose", "PREVIEW"),
        ("x_moz", "prefetch"),
        ("x_sec_purpose", "prefetch"),
        ("hx_preloaded", "true"),
        ("x_prefetch", "1"),
        ("x_prefetch", "yes"),
        ("x_prefetch", "prefetch"),
    ],
)
def test_a_page_fetched_ahead_never_counts(header: str, value: str) -> None:
    for marked in (True, False):
        asked = request(**{header: value})
        assert refused_request(asked, marked=marked) is Reason.PREFETCH


@pytest.mark.parametrize("destination", ["empty", "image", "script", "style", "video"])
def test_what_shows_no_page_is_known_by_its_mode(destination: str) -> None:
    """A link that is prefetched without saying so, quicklink where there is no such link."""
    asked = request(sec_fetch_mode="no-cors", sec_fetch_dest=destination)
    for marked in (True, False):
        assert refused_request(asked, marked=marked) is Reason.PREFETCH


FETCH = {"sec_fetch_dest": "empty", "sec_fetch_mode": "cors", "sec_fetch_site": "same-origin"}
HTML = "text/html, application/xhtml+xml"


def refused(headers: dict[str, str], *, marked: bool, mimetype: str = "text/html") -> Reason | None:
    """What becomes of a request and its answer, as the extension asks."""
    asked = request(**headers)
    fetch = refused_fetch_of_page(asked) if marked else None
    of_response = refused_response(200, mimetype, None, marked=marked, declared=False, fetch=fetch)
    return of_response or refused_request(asked, marked=marked)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "*/*"},
        {"accept": "application/json"},
        {"sec_fetch_mode": "same-origin"},
        {"x_requested_with": "com.facebook.katana"},  # all that an Android app requests
        {"x_prefetch": "true", "accept": HTML},
    ],
)
def test_a_page_that_a_script_fetches_without_showing_it_is_no_view(
    headers: dict[str, str], marked: bool
) -> None:
    """Preloaders, a service worker's cache."""
    assert refused({**FETCH, **headers}, marked=marked) is Reason.PREFETCH


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        {**FETCH, "accept": HTML, "x_turbo_request_id": "1"},
        {**FETCH, "x_turbo_request_id": "1"},
        {**FETCH, "accept": HTML, "turbolinks_referrer": "https://shop.example/"},
        {**FETCH, "hx_request": "true", "hx_boosted": "true"},
        {**FETCH, "accept": "text/html", "hx_request": "true", "hx_request_type": "full"},
        {**FETCH, "hx_request": "true", "hx_history_restore_request": "true"},
        {**FETCH, "accept": HTML, "x_requested_with": "swup"},
        {**FETCH, "x_requested_with": "swup"},
        {**FETCH, "x_up_version": "3.10", "x_up_target": "main"},
        {**FETCH, "x_barba": "yes"},
        {**FETCH, "accept": HTML, "sec_fetch_mode": "same-origin"},
        {**FETCH, "sec_fetch_mode": "navigate"},  # handed on by a service worker
        {"sec_fetch_dest": "document", "sec_fetch_mode": "navigate", "sec_fetch_site": "none"},
        {"sec_fetch_dest": "iframe", "sec_fetch_mode": "navigate", "sec_fetch_site": "same-origin"},
        {"accept": "*/*"},
    ],
)
def test_a_page_that_is_shown_counts_whoever_fetched_it(
    headers: dict[str, str], marked: bool
) -> None:
    assert refused(headers, marked=marked) is None


def test_a_marked_endpoint_s_json_is_fetched_by_any_script_of_the_shop() -> None:
    for site in ("same-origin", "same-site"):
        asked = {**FETCH, "accept": "*/*", "sec_fetch_site": site}
        assert refused(asked, marked=True, mimetype="application/json") is None


FOREIGN = {**FETCH, "sec_fetch_site": "cross-site", "origin": "https://evil.example"}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {**FOREIGN, "accept": HTML},
        {**FOREIGN, "x_requested_with": "swup"},
        {**FOREIGN, "hx_request": "true", "hx_boosted": "true"},
        {**FOREIGN, "sec_fetch_mode": "no-cors"},
        {**FOREIGN, "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
        {**FETCH, "sec_fetch_site": "same-site"},
        {**FETCH, "sec_fetch_site": "same-site", "accept": HTML},
        *(
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": frame}
            for frame in ("iframe", "frame", "object", "embed", "fencedframe")
        ),
    ],
)
def test_what_another_site_frames_or_fetches_is_no_view(
    headers: dict[str, str], marked: bool
) -> None:
    assert refused(headers, marked=marked) is Reason.CROSS_SITE


def test_json_of_a_marked_endpoint_counts_for_another_site_only_with_the_shopper_s_token() -> None:
    """A browser sends cookies and passwords unasked; a token only a front end of the shop has."""
    for sent in ({}, {"authorization": "Basic YTpi"}, {"cookie": "session=1"}):
        answer = refused({**FOREIGN, **sent}, marked=True, mimetype="application/json")
        assert answer is Reason.CROSS_SITE
    own = {**FOREIGN, "authorization": "Bearer abc"}
    assert refused(own, marked=True, mimetype="application/json") is None


def test_a_link_on_another_site_is_followed_by_the_shopper() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    for marked in (True, False):
        assert refused({**link, "sec_fetch_dest": "document"}, marked=marked) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"hx_request": "true"},
        {"hx_request": "true", "hx_request_type": "partial"},
        {"turbo_frame": "product"},
        {"x_requested_with": "XMLHttpRequest"},
        {"x_requested_with": "xmlhttprequest"},
        {"x_requested_with": "fetch"},
        {"x_up_target": ".price"},
        {"datastar_request": "true"},
    ],
)
def test_a_part_of_a_page_counts_only_when_marked(headers: dict[str, str]) -> None:
    assert refused_request(request(**headers), marked=False) is Reason.PARTIAL
    assert refused_request(request(**headers), marked=True) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"hx_request": "true", "hx_boosted": "true"},
        {"hx_request": "true", "hx_history_restore_request": "true"},
        {"hx_request": "true", "hx_request_type": "full"},
        {"x_up_target": "body"},
        {"x_up_target": "main"},
        {"x_requested_with": "com.instagram.android"},
        {"sec_purpose": ""},
        {"purpose": "navigate"},
        {"sec_fetch_dest": "document"},
    ],
)
def test_a_whole_page_counts_however_it_was_fetched(headers: dict[str, str]) -> None:
    assert refused_request(request(**headers), marked=False) is None


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 301, 302, 304, 400, 404, 410, 500])
def test_any_status_but_200_is_no_page(status: int) -> None:
    answer = refused_response(status, "text/html", None, marked=True, declared=False)
    assert answer is Reason.STATUS


def test_a_304_counts_when_the_product_was_declared() -> None:
    """The shopper sees the page, from the browser's own cache."""
    assert refused_response(304, "", None, marked=True, declared=True) is None
    assert refused_response(206, "text/html", None, marked=True, declared=True) is Reason.STATUS


@pytest.mark.parametrize(
    ("mimetype", "unmarked", "marked"),
    [
        ("text/html", None, None),
        ("application/xhtml+xml", None, None),
        ("application/json", Reason.NOT_HTML, None),
        ("application/vnd.api+json", Reason.NOT_HTML, None),
        ("text/vnd.turbo-stream.html", Reason.NOT_HTML, None),
        ("text/plain", Reason.NOT_HTML, Reason.NOT_HTML),
        ("text/event-stream", Reason.NOT_HTML, Reason.NOT_HTML),
        ("image/png", Reason.NOT_HTML, Reason.NOT_HTML),
        ("", Reason.NOT_HTML, Reason.NOT_HTML),
    ],
)
def test_a_view_is_html_or_a_marked_endpoint_s_json(
    mimetype: str, unmarked: Reason | None, marked: Reason | None
) -> None:
    assert refused_response(200, mimetype, None, marked=False, declared=False) is unmarked
    assert refused_response(200, mimetype, None, marked=True, declared=False) is marked
    assert refused_response(200, mimetype, None, marked=False, declared=True) is marked


def test_a_download_is_no_page() -> None:
    for value in ("attachment", "attachment; filename=x.html", " Attachment;filename=x"):
        answer = refused_response(200, "text/html", value, marked=True, declared=True)
        assert answer is Reason.ATTACHMENT
    for value in ("inline", "inline; filename=attachment.html", ""):
        assert refused_response(200, "text/html", value, marked=False, declared=False) is None


def test_every_header_that_is_asked_about_is_among_the_usual_or_the_unusual_ones() -> None:
    """A request is judged like one before it that had the same usual headers and no unusual one."""
    source = Path(requests.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r'"(HTTP_[A-Z_]+)"', source))
    assert asked == UNUSUAL_HEADERS | set(USUAL_HEADERS)
