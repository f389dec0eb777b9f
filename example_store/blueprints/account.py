"""Registration, log-in, log-out and the account page."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from example_store.accounts import login_manager
from example_store.database import db
from example_store.demo_shoppers import DEMO_SHOPPERS
from example_store.forms import LogInForm, RegisterForm
from example_store.models import Customer, Order
from example_store.own_paths import own_path
from example_store.tracking import topmail
from example_store.viewed import forget_views, latest_views

blueprint = Blueprint("account", __name__)


@blueprint.route("/log-in", methods=["GET", "POST"])
def log_in() -> str | Response:
    if current_user.is_authenticated:
        return redirect(own_path(request.args.get("next", "")) or url_for("account.account"))
    form = LogInForm(next=request.args.get("next", ""))
    if form.validate_on_submit():
        customer = db.session.scalar(db.select(Customer).filter_by(email=form.email.data))
        if customer is not None and customer.has_password(form.password.data):
            return _welcome(customer, form.next.data)
        form.password.errors = ["E-mail and password do not belong together."]
    return render_template("log_in.html", form=form, shoppers=DEMO_SHOPPERS)


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> str | Response:
    if current_user.is_authenticated:
        flash("You have an account, and are logged in.", "done")
        return redirect(url_for("account.account"))
    form = RegisterForm()
    if not form.validate_on_submit():
        return render_template("register.html", form=form)
    customer = Customer(name=form.name.data, email=form.email.data)
    customer.set_password(form.password.data)
    db.session.add(customer)
    db.session.commit()
    return _welcome(customer, "")


@blueprint.post("/log-out")
def log_out() -> Response:
    logout_user()
    topmail.forget()
    session.clear()  # the next person at this browser starts with an empty basket
    flash("You are logged out. See you soon.", "done")
    leads_home: Response = redirect(url_for("storefront.home"))
    forget_views(leads_home)
    return leads_home


@blueprint.get("/account")
def account() -> str | Response:
    if not current_user.is_authenticated:
        refused: Response = login_manager.unauthorized()
        return refused
    orders = db.select(Order).filter_by(customer_id=current_user.id).order_by(Order.id.desc())
    return render_template(
        "account.html",
        orders=db.session.scalars(orders).all(),
        viewed=latest_views(current_user),
    )


def _welcome(customer: Customer, wanted: str) -> Response:
    login_user(customer)
    flash(f"Hello, {customer.name}.", "done")
    return redirect(own_path(wanted) or url_for("storefront.home"))
