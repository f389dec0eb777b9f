"""Who the visitor is: loaders, Flask-Login, sign-ups and signed links."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import redirect, render_template_string, request, session
from flask_login import LoginManager, UserMixin, login_user, logout_user

from tests.golden.cases import case
from tests.golden.store import ANN, BOB, Store
from tests.golden.templates import PAGE, TEA
from topmail_flask import Shopper


def catalogue(store: Store) -> None:
    """A page for each product."""
    store.page(
        "/p/<name>",
        lambda name: render_template_string(PAGE, product={**TEA, "id": name, "name": name}),
    )


SHOPPERS: dict[str, object] = {
    "an address": ANN,
    "an address in capitals": "Ann@Shop.Example",
    "an address with spaces around": f" {ANN} ",
    "a Shopper": Shopper(ANN),
    "a Shopper with names": Shopper(ANN, first_name="Ann", last_name="Lee"),
    "a contact id": Shopper(contact_id="c-17"),
    "an address and a contact id": Shopper(ANN, "c-17"),
    "an address in other letters": Shopper("ünal@bücher.example"),
    "nobody": None,
    "an empty text": "",
    "what is no address": "not an address",
    "a number": 42,
    "an address with a line break": "a@b.example\r\nX: y",
}

for shopper_name, shopper in SHOPPERS.items():

    @case("people", f"the loader returns {shopper_name}")
    def visit_loaded(store: Store, shopper: Any = shopper) -> None:
        store.open()
        store.shopper = shopper
        catalogue(store)
        store.get("/p/tea")


def broken() -> str:
    raise LookupError("the database went away")


async def asynchronous() -> str:
    return ANN


def loaded(name: str, loader: Callable[[], object]) -> None:
    @case("people", name)
    def visit(store: Store) -> None:
        store.open(loader=False)
        store.topmail.shopper_loader(loader)
        catalogue(store)
        store.get("/p/tea")
        store.client.set_cookie("email", BOB)
        store.get("/p/pot")


loaded("the loader raises", broken)
loaded("the loader is asynchronous", asynchronous)
loaded("the loader reads a cookie", lambda: request.cookies.get("email"))
loaded("the loader reads the session", lambda: session.get("email"))
loaded("the loader writes to the session", lambda: session.setdefault("email", ANN))


@case("people", "nobody says who it is")
def visit_no_loader(store: Store) -> None:
    store.open(loader=False)
    catalogue(store)
    store.get("/p/tea")


class User(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    def __init__(self, email: str) -> None:
        self.id = email or "by telephone"
        self.email = email or None


def with_accounts(store: Store, **how: Any) -> None:
    """A store with log-in, sign-up and log-out."""
    app = store.open(loader=False, **how)
    login = LoginManager(app)
    login.user_loader(lambda key: User(key if "@" in key else ""))

    def log_in() -> Any:
        login_user(User(request.form["email"]))
        return redirect("/p/tea")

    def log_out() -> Any:
        logout_user()
        return redirect("/p/tea")

    catalogue(store)
    store.page("/log-in", log_in, methods=["POST"])
    store.page("/log-out", log_out, methods=["POST"])
    with_sign_up(store)


def with_sign_up(store: Store) -> None:
    """The newsletter, and a way to be forgotten."""

    def sign_up() -> Any:
        named = store.topmail.identify(**request.form.to_dict())
        return f"<p>{named}"

    def forget() -> Any:
        store.topmail.forget()
        return "<p>"

    store.page("/sign-up", sign_up, methods=["POST"])
    store.page("/forget", forget, methods=["POST"])


@case("people", "Flask-Login: in, out, and without an address")
def visit_log_in(store: Store) -> None:
    with_accounts(store)
    store.get("/p/tea")
    store.post("/log-in", data={"email": ANN})
    store.get("/p/tea")
    store.post("/log-out")
    store.get("/p/pot")
    store.post("/log-in", data={"email": ""})
    store.get("/p/cup")


@case("people", "Flask-Login comes before a sign-up")
def visit_log_in_first(store: Store) -> None:
    with_accounts(store)
    store.post("/sign-up", data={"email": ANN})
    store.get("/p/tea")
    store.post("/log-in", data={"email": BOB})
    store.get("/p/pot")
    store.post("/sign-up", data={"email": ANN})


@case("people", "Flask-Login and pages that caches may keep")
def visit_log_in_cached(store: Store) -> None:
    with_accounts(store)
    store.page(
        "/static-page",
        lambda: (
            render_template_string(PAGE, product=TEA),
            {"Cache-Control": "public, max-age=60"},
        ),
    )
    store.get("/static-page")
    store.post("/log-in", data={"email": ANN})
    store.get("/static-page")


@case("people", "a sign-up is remembered until it is forgotten")
def visit_sign_up(store: Store) -> None:
    store.open()
    store.shopper = None
    catalogue(store)
    with_sign_up(store)
    store.get("/p/tea")
    store.post("/sign-up", data={"email": ANN})
    store.get("/p/tea")
    store.post("/sign-up", data={"email": BOB})
    store.get("/p/pot")
    store.post("/forget")
    store.get("/p/cup")


@case("people", "a sign-up by a contact id, by nonsense, and without consent")
def visit_sign_ups(store: Store) -> None:
    store.open(consent="opt-in")
    store.shopper = None
    catalogue(store)
    with_sign_up(store)
    store.topmail.consent(lambda: "No" not in request.headers)
    store.post("/sign-up", data={"email": ANN}, headers={"No": "1"})
    store.post("/sign-up", data={"email": "no address"})
    store.get("/p/tea")
    store.post("/sign-up", data={"contact_id": "c-17"})
    store.get("/p/tea")
    store.get("/p/pot", headers={"No": "1"})


@case("people", "a forged cookie of a sign-up")
def visit_forged(store: Store) -> None:
    store.open()
    store.shopper = None
    catalogue(store)
    store.client.set_cookie("topmail_shopper", "tm1-AAAA")
    store.get("/p/tea")


@case("people", "a sign-up ages")
def visit_ageing(store: Store) -> None:
    store.open(identity_age=timedelta(days=2))
    store.shopper = None
    catalogue(store)
    with_sign_up(store)
    with store.at_any_time() as views:
        store.post("/sign-up", data={"email": ANN})
        views.clock.advance(timedelta(days=1.9))
        store.get("/p/tea")
        views.clock.advance(timedelta(days=0.2))
        store.get("/p/pot")


def followed(name: str, method: str = "GET", **headers: str) -> None:
    @case("people", name)
    def visit(store: Store) -> None:
        store.open()
        store.shopper = None
        catalogue(store)
        signed = urlsplit(store.topmail.sign_link("/p/tea?size=l", ANN, store.app))
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = store.client.open(
            f"{signed.path}?{signed.query}",
            method=method,
            headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
            | told,
        )
        kept = "topmail_shopper" in str(answer.headers.getlist("Set-Cookie"))
        store.notes["followed"] = [answer.status, answer.headers["Location"], kept]
        store.get("/p/tea")


followed("a signed link")
followed("a signed link that a browser fetches ahead", Sec_Purpose="prefetch")
followed("a signed link that a scanner checks", User_Agent="curl/8.5")
followed("a signed link by HEAD", "HEAD")
followed("a signed link by a script", Sec_Fetch_Mode="cors")


@case("people", "products seen before the sign-up")
def visit_backfill(store: Store) -> None:
    store.open(backfill=3)
    store.shopper = None
    store.topmail.consent(lambda: True)
    catalogue(store)
    with_sign_up(store)
    for name in ("jar", "tea", "pot", "tea", "cup"):
        store.get(f"/p/{name}")
    store.post("/sign-up", data={"email": ANN})
    store.get("/p/jar")
    store.post("/forget")
    store.get("/p/jar")


@case("people", "products seen before the sign-up, without consent")
def visit_backfill_refused(store: Store) -> None:
    store.open(backfill=3)
    store.shopper = None
    catalogue(store)
    with_sign_up(store)
    store.get("/p/tea")
    store.post("/sign-up", data={"email": ANN})


@case("people", "products seen before the log-in")
def visit_backfill_log_in(store: Store) -> None:
    with_accounts(store, backfill=3)
    store.topmail.consent(lambda: True)
    store.get("/p/tea")
    store.get("/p/pot")
    store.post("/log-in", data={"email": BOB})
    store.get("/p/tea")
