"""Workshops in the back of the shop."""

from __future__ import annotations

from flask import Blueprint, render_template

from example_store.database import db
from example_store.models import Workshop

blueprint = Blueprint("workshops", __name__, url_prefix="/workshops")


@blueprint.get("/")
def overview() -> str:
    return render_template("workshops.html", offered=db.session.scalars(db.select(Workshop)).all())


# Way 2, no line at all: a template variable "item" with an id, a name and a price is enough.
@blueprint.get("/<slug>")
def workshop(slug: str) -> str:
    offered = db.first_or_404(db.select(Workshop).filter_by(slug=slug))
    return render_template("workshop.html", item=offered)
