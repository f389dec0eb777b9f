"""Whether the shop may remember what somebody looks at, and tell TopMail: asked by a banner.

Nothing counts before a yes (``TOPMAIL_CONSENT = "opt-in"``). The answer is this browser's, in a
cookie of the shop's own, and an account's: who said yes when they opened it is not asked again on
another device. A no in either of the two is a no.
"""

from __future__ import annotations

from flask import Flask, has_request_context, request
from flask_login import current_user
from werkzeug.wrappers import Response

from example_store.database import db
from example_store.models import Choice, Customer
from topmail_flask import Shopper

COOKIE = "remember_looks"
ASKED_AGAIN_AFTER = 180 * 86_400
ANSWERS = {"yes": True, "no": False}


def init_app(app: Flask) -> None:
    app.add_template_global(answer_here)


def answer_here() -> bool | None:
    """What the visitor of this request has said; None shows the banner."""
    return answer_of(current_user.email if current_user.is_authenticated else None)


def consents(shopper: Shopper | None) -> bool | None:
    """The shop's ``@topmail.consent``."""
    email = shopper.email if shopper else None
    if has_request_context():
        return answer_of(email)
    # A job, or what waits: whoever has no account said yes in a browser, which is not here.
    return email is None or _with_account(email) is not False


def answer_of(email: str | None) -> bool | None:
    here = ANSWERS.get(request.cookies.get(COOKIE, ""))
    if here is False or email is None:
        return here
    with_account = _with_account(email)
    return here if with_account is None else with_account


def _with_account(email: str) -> bool | None:
    owner = db.select(Choice.agreed).join(Customer).filter_by(email=email.lower())
    agreed: bool | None = db.session.scalar(owner)
    return agreed


def keep_answer(response: Response, *, agreed: bool) -> None:
    """Keep it in this browser and, where somebody is logged in, with the account."""
    if current_user.is_authenticated:
        db.session.merge(Choice(customer_id=current_user.id, agreed=agreed))
        db.session.commit()
    response.set_cookie(
        COOKIE,
        "yes" if agreed else "no",
        max_age=ASKED_AGAIN_AFTER,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
