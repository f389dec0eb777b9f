import pytest

from topmail_flask.model.reasons import Reason
from topmail_flask.rules.requests import refused_request, refused_response


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
    ],
)
def test_a_page_fetched_ahead_never_counts(header: str, value: str) -> None:
    for marked in (True, False):
        asked = request(**{header: value})
        assert refused_request(asked, marked=marked) is Reason.PREFETCH


def test_a_link_that_is_prefetched_without_saying_so_is_known_by_its_mode() -> None:
    """A navigation, also one of Turbo or Swup by script, never has this mode."""
    ahead = request(sec_fetch_mode="no-cors", sec_fetch_dest="empty")
    assert refused_request(ahead, marked=False) is Reason.PREFETCH
    for mode in ("navigate", "cors", "same-origin"):
        assert refused_request(request(sec_fetch_mode=mode), marked=False) is None


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
