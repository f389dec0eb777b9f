"""Gift sets: several products in one box."""

from __future__ import annotations

from flask import Blueprint, render_template

from example_store.database import db
from example_store.models import GiftSet

blueprint = Blueprint("gift_sets", __name__, url_prefix="/gift-sets")


@blueprint.get("/")
def overview() -> str:
    return render_template("gift_sets.html", offered=db.session.scalars(db.select(GiftSet)).all())


# Way 3 is in the template: {{ topmail_product(bundle) }} in gift_set.html.
@blueprint.get("/<slug>")
def gift_set(slug: str) -> str:
    bundle = db.first_or_404(db.select(GiftSet).filter_by(slug=slug))
    return render_template("gift_set.html", bundle=bundle)
