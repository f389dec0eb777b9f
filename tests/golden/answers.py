"""Answers of every manner: only a page that was really shown counts, and each stays as it was."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    stream_with_context,
)
from flask_compress import Compress

from tests.golden.cases import case
from tests.golden.store import Store
from tests.golden.structured import MUG, block, page
from tests.golden.templates import PAGE, TEA
from topmail_flask import product_page


def chunks() -> Iterator[str]:
    for number in range(3):
        yield f"<p>{number}</p>"


def with_headers(**headers: str) -> Callable[[], Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Response(render_template_string(PAGE, product=TEA), headers=named)


def with_session() -> str:
    session["seen"] = True
    return render_template_string(PAGE, product=TEA)


def with_status(status: int) -> Callable[[], Any]:
    return lambda: (render_template_string(PAGE, product=TEA), status)


def crash() -> str:
    raise ValueError("the store's own")


ANSWERS: dict[str, Callable[[], Any]] = {
    "a page": lambda: render_template_string(PAGE, product=TEA),
    "201": with_status(201),
    "204": with_status(204),
    "206": with_status(206),
    "400": with_status(400),
    "404": with_status(404),
    "410": with_status(410),
    "500": with_status(500),
    "503": with_status(503),
    "an abort": lambda: abort(404),
    "a crash": crash,
    "a redirect": lambda: redirect("/elsewhere"),
    "an attachment": with_headers(Content_Disposition="attachment; filename=x.html"),
    "inline": with_headers(Content_Disposition="inline"),
    "plain text": lambda: Response("x", mimetype="text/plain"),
    "JSON": lambda: jsonify(TEA),
    "a table": lambda: Response("id,name", mimetype="text/csv"),
    "no media type": lambda: Response("x", headers={"Content-Type": ""}),
    "a stream": lambda: Response(chunks(), mimetype="text/html"),
    "a stream with the request": lambda: Response(stream_with_context(chunks())),
    "a file": lambda: send_file(io.BytesIO(b"<p>x"), mimetype="text/html"),
    "a page for all caches": with_headers(Cache_Control="public, max-age=60"),
    "a page for no cache": with_headers(Cache_Control="no-store"),
    "a page that varies": with_headers(Vary="Accept-Language"),
    "a page that uses the session": with_session,
    "a policy and a nonce": with_headers(Content_Security_Policy="default-src 'self'"),
    "an empty page": lambda: "",
}

for answer_name, answer in ANSWERS.items():

    @case("answers", answer_name)
    def visit_answer(store: Store, answer: Callable[[], Any] = answer) -> None:
        store.open()
        store.page("/tea", answer)
        store.get()


for method in ("HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"):

    @case("answers", f"a request by {method}")
    def visit_method(store: Store, method: str = method) -> None:
        store.open()
        store.page("/tea", ANSWERS["a page"], methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
        store.get(method=method)


@case("answers", "no such page")
def visit_missing(store: Store) -> None:
    store.open()
    store.get("/missing")


@case("answers", "no such page, and a page of the store's own for it")
def visit_missing_page(store: Store) -> None:
    app: Flask = store.open()
    app.register_error_handler(404, lambda _: (render_template_string(PAGE, product=TEA), 404))
    store.get("/missing")


@case("answers", "no slash, and one too many")
def visit_slash(store: Store) -> None:
    store.open()
    store.page("/tea/", ANSWERS["a page"])
    store.get("/tea")
    store.get("/tea/")


@case("answers", "not modified")
def visit_not_modified(store: Store) -> None:
    store.open(repeat_window=0)

    def show() -> Any:
        answer = make_response(render_template_string(PAGE, product=TEA))
        answer.add_etag()
        return answer.make_conditional(request)

    store.page("/tea", show)
    etag = store.get().headers["ETag"]
    store.get(headers={"If-None-Match": etag})


@case("answers", "not modified, of a page with structured data only")
def visit_not_modified_structured(store: Store) -> None:
    store.open(repeat_window=0)

    def show() -> Any:
        answer = make_response(page(block(MUG)))
        answer.set_etag("of the page")
        return answer.make_conditional(request)

    store.page("/p/mug", show)
    store.get("/p/mug")
    store.get("/p/mug", headers={"If-None-Match": '"of the page"'})


@case("answers", "not modified, with a mark")
def visit_not_modified_marked(store: Store) -> None:
    store.open()
    store.page("/tea", product_page(lambda: TEA)(lambda: Response(status=304)))
    store.get()


@case("answers", "a status changed at the last moment")
def visit_late_status(store: Store) -> None:
    app: Flask = store.open()
    store.page("/tea", ANSWERS["a page"])

    @app.after_request
    def fail(response: Response) -> Response:
        response.status_code = 503
        return response

    store.get()


@case("answers", "a page changed at the last moment")
def visit_late_page(store: Store) -> None:
    app: Flask = store.open()
    store.page("/p/mug", "<p>soon")

    @app.after_request
    def fill(response: Response) -> Response:
        response.set_data(page(block(MUG)))
        return response

    store.get("/p/mug")


@case("answers", "an error in the store's after_request")
def visit_late_crash(store: Store) -> None:
    app: Flask = store.open()
    store.page("/tea", ANSWERS["a page"])

    @app.after_request
    def fail(_: Response) -> Response:
        raise ValueError("the store's own")

    store.get()


@case("answers", "compressed by Flask-Compress")
def visit_compressed(store: Store) -> None:
    app: Flask = store.open(config={"COMPRESS_MIN_SIZE": 10})
    Compress(app)
    text = page(block(MUG), "<p>Mug</p>" * 200)
    store.page("/p/mug", lambda: text)
    store.get("/p/mug", headers={"Accept-Encoding": "gzip"})


@case("answers", "messages to the shopper and a session that is renewed")
def visit_flash(store: Store) -> None:
    app: Flask = store.open()

    @app.before_request
    def renew() -> None:
        session.permanent = True

    def show() -> str:
        flash("In the basket")
        return render_template_string(
            PAGE + "{% for text in get_flashed_messages() %}{{ text }}{% endfor %}", product=TEA
        )

    store.page("/tea", show)
    store.get()


@case("answers", "a static file")
def visit_static(store: Store) -> None:
    store.open()
    store.get("/static/missing.css")
