"""The fields of TopMail's request bodies: types, lengths in characters, shapes.

Stricter than TopMail's pages where they are silent, so that what passes here passes there: a field
that the contract does not know is refused, and so is ``null`` (leave the field out instead).
"""

import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from topmail_flask.sandbox.answers import ApiError, Json, invalid

Check = Callable[[object], str | None]
"""Takes a value of the body; returns what is wrong with it, or None."""

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]{2,}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_URL_LIMIT = 2048


@dataclass(frozen=True)
class Field:
    """One line of a table of the contract."""

    name: str
    check: Check
    required: bool = False


def text(limit: int) -> Check:
    """Return the check for a string of 1 to ``limit`` characters."""

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return f"must be a string, not {_type_name(value)}"
        if not value.strip():
            return "must not be empty"
        if _UNPRINTABLE.search(value):
            return "must not contain control characters or lone surrogates"
        if len(value) > limit:
            return f"must be at most {limit} characters, not {len(value)}"
        return None

    return check


def email(value: object) -> str | None:
    """Check the shape of an e-mail address."""
    complaint = text(254)(value)
    if complaint is None and not _EMAIL.fullmatch(str(value)):
        return "must be an e-mail address"
    return complaint


def url(value: object) -> str | None:
    """Check for an absolute http or https URL of at most 2,048 characters."""
    complaint = text(_URL_LIMIT)(value)
    if complaint is not None:
        return complaint
    try:
        parts = urlsplit(str(value))
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or re.search(r"[\s\\<>\"]", str(value)):
        return "must be a full http or https URL"
    return None


def amount(value: object) -> str | None:
    """Check for a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_type_name(value)}"
    if not math.isfinite(value) or value < 0:
        return "must be a finite number of 0 or more"
    return None


def currency(value: object) -> str | None:
    """Check for three capital letters (ISO 4217)."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        return "must be a 3-letter ISO code such as USD"
    return None


def uuid_text(value: object) -> str | None:
    """Check for a UUID."""
    try:
        uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        return "must be a UUID"
    return None


def boolean(value: object) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else f"must be true or false, not {_type_name(value)}"


def mapping(value: object) -> str | None:
    """Check for an object."""
    return None if isinstance(value, dict) else f"must be an object, not {_type_name(value)}"


def one_of(*choices: str) -> Check:
    """Return the check for one of ``choices``."""

    def check(value: object) -> str | None:
        return None if value in choices else f"must be one of {', '.join(choices)}"

    return check


def read_body(body: bytes, content_type: str) -> Json:
    """Return the JSON object of a request body.

    Raises :class:`ApiError` (400) for another content type, broken UTF-8 or JSON, ``NaN``, and
    anything but an object.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _malformed("The Content-Type must be application/json")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"The body is not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise _malformed(f"The body must be an object, not {_type_name(value)}")
    return value


def check_body(body: Json, fields: Sequence[Field]) -> None:
    """Raise :class:`ApiError` (400) for the first field, in the table's order, that is wrong."""
    for field in fields:
        if field.name not in body:
            if field.required:
                raise invalid(field.name, "is required")
            continue
        if body[field.name] is None:
            raise invalid(field.name, "must not be null: leave the field out")
        complaint = field.check(body[field.name])
        if complaint is not None:
            raise invalid(field.name, complaint)
    known = {field.name for field in fields}
    for name in body:
        if name not in known:
            raise ApiError(
                400, "validation_error", f"{name[:100]} is not a field of the contract", name[:100]
            )


def _malformed(message: str) -> ApiError:
    return ApiError(400, "validation_error", message)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
