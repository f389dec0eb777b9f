"""The page about cookies, and the answer to the banner."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from example_store.consent import ANSWERS, keep_answer
from example_store.own_paths import own_path
from example_store.tracking import topmail
from example_store.viewed import forget_views, forget_views_of

blueprint = Blueprint("cookies", __name__, url_prefix="/cookies")


@blueprint.get("/")
def about() -> str:
    return render_template("cookies.html")


@blueprint.post("/")
def answer() -> Response:
    agreed = ANSWERS.get(request.form.get("answer", ""))
    if agreed is None:
        abort(400)
    wanted = own_path(request.form.get("next", "")) or url_for("cookies.about")
    leads_back = redirect(wanted)
    if agreed:
        flash("Thank you. We remember what you look at.", "done")
    else:
        topmail.forget()
        forget_views(leads_back)
        if current_user.is_authenticated:
            forget_views_of(current_user)
        flash("All right. We do not remember what you look at.", "done")
    keep_answer(leads_back, agreed=agreed)
    return leads_back
