"""The sign-up for the shop's letters: from then on its visitor is known, without an account."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from example_store.database import db
from example_store.forms import LettersForm
from example_store.models import Subscriber
from example_store.tracking import topmail

blueprint = Blueprint("letters", __name__)


@blueprint.route("/letters", methods=["GET", "POST"])
def sign_up() -> str | Response:
    form = LettersForm()
    if not form.validate_on_submit():
        return render_template("letters.html", form=form)
    db.session.merge(Subscriber(email=form.email.data))
    db.session.commit()
    topmail.identify(email=form.email.data)
    flash("Thank you. The next letter is for you, too.", "done")
    return redirect(url_for("storefront.home"))
