"""The shop's forms, each with its CSRF token."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, Length, Regexp, ValidationError

from example_store.database import db
from example_store.models import Customer

COUNTRIES = ("Austria", "Belgium", "France", "Germany", "Ireland", "Luxembourg", "Netherlands")
EMAIL = [
    DataRequired("Please give your e-mail address."),
    Length(max=254),
    Regexp(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", message="This is not an e-mail address."),
]


def tidy_email(text: str | None) -> str:
    return (text or "").strip().lower()


class LogInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    email = EmailField("E-mail", EMAIL, filters=[tidy_email])
    password = PasswordField("Password", [DataRequired("Please give your password.")])
    next = HiddenField()


class RegisterForm(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", [DataRequired("What may we call you?"), Length(max=100)])
    email = EmailField("E-mail", EMAIL, filters=[tidy_email])
    password = PasswordField(
        "Password", [Length(min=8, max=200, message="Please use at least 8 characters.")]
    )
    repeated = PasswordField(
        "Password, once more", [EqualTo("password", "The two passwords differ.")]
    )

    def validate_email(self, field: EmailField) -> None:
        if db.session.scalar(db.select(Customer).filter_by(email=field.data)) is not None:
            raise ValidationError("There is an account with this address already.")


class CheckoutForm(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", [DataRequired("Who is it for?"), Length(max=100)])
    email = EmailField("E-mail", EMAIL, filters=[tidy_email])
    street = StringField("Street and number", [DataRequired("Where to?"), Length(max=200)])
    postcode = StringField("Postcode", [DataRequired("The postcode, please."), Length(max=12)])
    city = StringField("Town", [DataRequired("The town, please."), Length(max=100)])
    country = SelectField("Country", choices=list(COUNTRIES))


class LettersForm(FlaskForm):  # type: ignore[misc]
    email = EmailField("E-mail", EMAIL, filters=[tidy_email])
