"""Basket and checkout."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from example_store.basket import (
    Basket,
    basket_in_session,
    basket_name,
    empty_basket,
    find_sellable,
    quantity_of,
    set_quantity,
)
from example_store.database import db
from example_store.forms import CheckoutForm
from example_store.models import Order, OrderLine
from example_store.tracking import remind_of_basket, topmail

blueprint = Blueprint("basket", __name__)


@blueprint.get("/basket")
def show() -> str:
    return render_template("basket.html", basket=basket_in_session())


@blueprint.post("/basket/add")
def add() -> Response:
    sold = find_sellable(request.form.get("sku", ""))
    if sold is None:
        flash("This one is sold out, or no longer on our shelves.", "problem")
        return redirect(url_for("basket.show"))
    pieces = request.form.get("quantity", 1, type=int)
    set_quantity(sold.sku, quantity_of(sold.sku) + max(pieces, 1))
    remind_of_basket()
    flash(f"In your basket: {sold.title}.", "done")
    return redirect(url_for("basket.show"))


@blueprint.post("/basket/change")
def change() -> Response:
    set_quantity(request.form.get("sku", ""), request.form.get("quantity", 0, type=int))
    remind_of_basket()
    return redirect(url_for("basket.show"))


@blueprint.route("/checkout", methods=["GET", "POST"])
def checkout() -> str | Response:
    basket = basket_in_session()
    if not basket.lines:
        return redirect(url_for("basket.show"))
    form = CheckoutForm(obj=current_user if current_user.is_authenticated else None)
    if not form.validate_on_submit():
        return render_template("checkout.html", form=form, basket=basket)
    order = _place_order(form, basket)
    if order.customer_id is None:
        topmail.identify(email=order.email)
    # Here TopMail's mails about what they saw end. Only a guest is told by the order's address.
    guest = None if current_user.is_authenticated else order.email
    topmail.track_purchase(order.number, revenue=order.total, currency="EUR", shopper=guest)
    topmail.cancel(basket_name())
    empty_basket()
    session["order"] = order.number
    return redirect(url_for("basket.thanks", number=order.number))


@blueprint.get("/orders/<number>")
def thanks(number: str) -> str:
    order = db.first_or_404(db.select(Order).filter_by(number=number))
    theirs = current_user.is_authenticated and order.customer_id == current_user.id
    if not theirs and session.get("order") != number:
        abort(404)
    return render_template("order.html", order=order)


def _place_order(form: CheckoutForm, basket: Basket) -> Order:
    order = Order(
        customer_id=current_user.id if current_user.is_authenticated else None,
        shipping=basket.shipping,
        lines=[
            OrderLine(
                sku=line.sold.sku,
                title=line.sold.title,
                price=line.sold.price,
                quantity=line.quantity,
            )
            for line in basket.lines
        ],
    )
    form.populate_obj(order)
    db.session.add(order)
    db.session.commit()
    return order
