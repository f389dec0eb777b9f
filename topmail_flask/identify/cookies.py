"""The cookies of this package: as the app's session cookie, but never on a page for everybody."""

from __future__ import annotations

import time

from flask import Flask, Request, Response
from werkzeug.http import parse_date

_FOR_A_CDN = ("CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control")


def is_for_everybody(response: Response) -> bool:
    """Whether a shared cache may keep the answer: then a cookie on it would be everybody's."""
    if any(name in response.headers for name in _FOR_A_CDN):
        return True
    control = response.cache_control
    if control.no_store or control.private:
        return False
    if control.public or control.s_maxage or control.max_age:
        return True
    expires = parse_date(response.headers.get("Expires"))
    return expires is not None and expires.timestamp() > time.time()


def set_cookie(
    app: Flask, request: Request, response: Response, name: str, value: str, max_age: float | None
) -> None:
    """Set a cookie that no script reads and no foreign page sends along.

    ``SameSite=Lax`` whatever the session has: the way into the store from a mail is a link.

    :param max_age: seconds of its life; None: as long as the browser is open.
    """
    sessions = app.session_interface
    response.set_cookie(
        name,
        value,
        max_age=None if max_age is None else int(max_age),
        path=sessions.get_cookie_path(app),
        domain=sessions.get_cookie_domain(app),
        secure=request.is_secure or sessions.get_cookie_secure(app),
        httponly=True,
        samesite="Lax",
    )
    response.vary.add("Cookie")


def delete_cookie(app: Flask, request: Request, response: Response, name: str) -> None:
    """Delete a cookie that :func:`set_cookie` set, if the browser sent it."""
    if name in request.cookies:
        set_cookie(app, request, response, name, "", 0)
