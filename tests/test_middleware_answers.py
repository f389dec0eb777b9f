"""What passes through the middleware is what would have come without it (F115-F117, F128-F130)."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from tests.wsgi_applications import (
    BROKEN_OR_ODD,
    HTML,
    PAGE,
    WELL_BEHAVED,
    App,
    a_file,
    a_large_page,
    a_list,
)
from topmail_flask.middleware import TopMailMiddleware


def through(app: App, **settings: Any) -> TopMailMiddleware:
    return TopMailMiddleware(
        app, outbox=":memory:", shopper=lambda _: "ann@example.com", **settings
    )


def environ(method: str = "GET", path: str = "/p/1", more: Any = None) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
    }
    asked["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Firefox/126.0"
    setup_testing_defaults(asked)
    return asked | (more or {})


def served(app: App, asked: dict[str, Any]) -> bytes:
    """All bytes that a real server (the standard library's) writes, but for the date."""
    stdout = io.BytesIO()

    class Server(SimpleHandler):
        wsgi_file_wrapper = FileWrapper

        def log_exception(self, exc_info: Any) -> None:
            stdout.write(b"\nLOGGED " + repr(exc_info[1]).encode())

    server = Server(io.BytesIO(b"body"), stdout, io.StringIO(), asked, multithread=True)
    server.run(app)
    return re.sub(rb"(?m)^Date: .*\r\n", b"", stdout.getvalue())


class Closing:
    """An iterable (no iterator) that counts how often it is begun and closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks, self.begun, self.closed = chunks, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        self.begun += 1
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("app", WELL_BEHAVED + BROKEN_OR_ODD, ids=lambda app: app.__name__)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_server_writes_the_same_bytes_with_and_without(app: App, method: str) -> None:
    """F128: with errors, too: what a broken application gets is the server's own word."""
    assert served(through(app), environ(method)) == served(app, environ(method))


@pytest.mark.parametrize("app", WELL_BEHAVED, ids=lambda app: app.__name__)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_standard_s_own_checker_is_content_on_both_sides(app: App, method: str) -> None:
    """F129. The checker raises AssertionError on the side that breaks PEP 3333."""

    checked = validator(through(validator(app if method == "GET" else _without_body(app))))
    started: list[str] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        started.append(status)
        return lambda chunk: None

    result: Any = checked(environ(method, more={"wsgi.file_wrapper": FileWrapper}), start)
    list(result)
    result.close()
    assert started


def _without_body(app: App) -> App:
    def head(asked: dict[str, Any], start_response: App) -> Iterable[bytes]:
        list(app(asked, start_response))
        return []

    return head


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
@pytest.mark.parametrize("closes", [1, 2])
def test_what_is_wrapped_is_begun_and_closed_exactly_once(status: str, closes: int) -> None:
    """F129."""
    inner = Closing(PAGE, b"<p>")

    def app(_: Any, start_response: App) -> Iterable[bytes]:
        start_response(status, [*HTML])
        return inner

    result: Any = through(app)(environ(), lambda *_: None)
    assert inner.begun == 0, "the server begins, not we"
    assert b"".join(result) == PAGE + b"<p>"
    if status == "200 OK" or closes == 1:
        for _ in range(closes):
            result.close()
        assert (inner.begun, inner.closed) == (1, 1)


def test_each_chunk_is_with_the_server_before_the_next_is_made() -> None:
    """F115: a stream is never held back, not even by one chunk."""
    made: list[int] = []

    def app(_: Any, start_response: App) -> Iterable[bytes]:
        start_response("200 OK", [*HTML])
        for number in range(3):
            made.append(number)
            yield PAGE

    server = iter(through(app)(environ(), lambda *_: None))
    for number in range(3):
        assert next(server) == PAGE
        assert made == list(range(number + 1))


def test_a_client_that_goes_away_leaves_the_application_closed_and_no_view() -> None:
    """F116: the server closes an answer that it did not finish."""
    inner = Closing(PAGE, PAGE)

    def app(_: Any, start_response: App) -> Iterable[bytes]:
        start_response("200 OK", [*HTML])
        return inner

    middleware = through(app)
    result: Any = middleware(environ(), lambda *_: None)
    next(iter(result))
    result.close()
    assert inner.closed == 1
    assert middleware.stats().reasons == {"no_body": 1}


def test_an_error_of_the_application_s_close_is_the_server_s_to_see() -> None:
    class Failing(Closing):
        def close(self) -> None:
            super().close()
            raise LookupError("in close")

    inner = Failing(PAGE)

    def app(_: Any, start_response: App) -> Iterable[bytes]:
        start_response("200 OK", [*HTML])
        return inner

    result: Any = through(app)(environ(), lambda *_: None)
    list(result)
    with pytest.raises(LookupError, match="in close"):
        result.close()
    assert inner.closed == 1


@pytest.mark.parametrize("path", ["/p/1", "/p/\xe2\x82\xac", "/\u20ac broken", ""])
def test_the_request_s_body_is_left_to_the_application(path: str) -> None:
    """F130, and a path that no server should hand over harms nobody."""
    for method in ("GET", "POST"):
        body = io.BytesIO(b"a=1")
        asked = environ(method, path, {"wsgi.input": body, "CONTENT_LENGTH": "3"})
        result: Any = through(a_list)(asked, lambda *_: None)
        assert b"".join(result) == PAGE
        getattr(result, "close", lambda: None)()
        assert body.tell() == 0


def test_a_file_is_handed_to_the_server_as_it_is() -> None:
    """F117: the server recognises its own wrapper and sends the file by itself."""
    asked = environ(more={"wsgi.file_wrapper": FileWrapper})
    assert type(through(a_file)(asked, lambda *_: None)) is FileWrapper
    plain = io.BytesIO(PAGE)

    def opened(_: Any, start_response: App) -> Iterable[bytes]:
        start_response("200 OK", [*HTML])
        return plain

    assert through(opened)(environ(), lambda *_: None) is plain


def test_what_is_no_page_costs_nothing_on_its_way() -> None:
    """The server gets the application's own iterable: no wrapper, no call per chunk."""
    picture = [b"\x89PNG"]

    def app(_: Any, start_response: App) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        return picture

    assert through(app)(environ(), lambda *_: None) is picture
    assert through(app)(environ("POST"), lambda *_: None) is picture


def test_a_page_beyond_the_limit_is_passed_on_and_not_kept() -> None:
    middleware = through(a_large_page, max_page_bytes=1000)
    result: Any = middleware(environ(), lambda *_: None)
    assert sum(len(chunk) for chunk in result) == 20_000 * len(PAGE)
    result.close()
    assert middleware.stats().reasons == {"too_large": 1}
