"""WSGI applications of every manner, well-behaved and broken, for what wraps them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

App = Callable[..., Any]
PAGE = (
    b'<!doctype html><script type="application/ld+json">{"@type": "Product", "name": "Lamp",'
    b' "sku": "lamp-1"}</script><h1>Lamp</h1>'
)
HTML = (("Content-Type", "text/html; charset=utf-8"),)  # a server may add to the list that it gets


def a_list(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    return [PAGE]


def two_chunks(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML, ("ETag", '"1"'), ("Vary", "Accept")])
    return (PAGE, b"<p>the rest")


def nothing(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    return []


def a_late_start(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    yield b""
    yield PAGE


def written(_: Any, start_response: App) -> Iterable[bytes]:
    write = start_response("200 OK", [*HTML])
    write(PAGE[:20])
    write(PAGE[20:])
    return [b"<p>the end"]


def _ask_the_database() -> None:
    raise LookupError("the database went away")


def started_anew(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    try:
        _ask_the_database()
    except LookupError as error:
        told = (type(error), error, error.__traceback__)
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")], told)
    return [b"come back later"]


def started_anew_too_late(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    yield PAGE
    try:
        _ask_the_database()
    except LookupError as error:
        told = (type(error), error, error.__traceback__)
        start_response("500 Oh", [*HTML], told)


def started_twice(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    start_response("200 OK", [*HTML])
    return [PAGE]


def broken_at_once(_: Any, start_response: App) -> Iterable[bytes]:
    raise LookupError("before anything")


def broken_midway(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    yield PAGE
    raise LookupError("midway")


def never_started(_: Any, start_response: App) -> Iterable[bytes]:
    return [PAGE]


def text_instead_of_bytes(_: Any, start_response: App) -> Iterable[Any]:
    start_response("200 OK", [*HTML])
    return ["<p>text"]


def none_at_all(_: Any, start_response: App) -> Any:
    start_response("200 OK", [*HTML])


def odd_headers(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200", [("Content-Type", ""), ("X-Odd", "ä")])
    return [PAGE]


def too_long(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML, ("Content-Length", "5")])
    return [PAGE]


def a_file(asked: dict[str, Any], start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    wrapped: Iterable[bytes] = asked["wsgi.file_wrapper"](io.BytesIO(PAGE * 1000))
    return wrapped


def a_picture(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "image/png"), ("Content-Length", "4")])
    return [b"\x89PNG"]


def a_large_page(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("200 OK", [*HTML])
    return iter([PAGE] * 20_000)


def not_modified(_: Any, start_response: App) -> Iterable[bytes]:
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


def no_close_but_a_getitem(_: Any, start_response: App) -> Any:
    start_response("200 OK", [*HTML])

    class Old:
        def __getitem__(self, index: int) -> bytes:
            return (PAGE, b"<p>2")[index]

    return Old()


WELL_BEHAVED: list[App] = [
    a_list,
    two_chunks,
    a_late_start,
    written,
    started_anew,
    a_file,
    a_picture,
    not_modified,
]
BROKEN_OR_ODD: list[App] = [
    nothing,
    started_anew_too_late,
    started_twice,
    broken_at_once,
    broken_midway,
    never_started,
    text_instead_of_bytes,
    none_at_all,
    odd_headers,
    too_long,
    a_large_page,
    no_close_but_a_getitem,
]
