"""The visitor of a request that is known by its WSGI environ alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.http import parse_cookie

from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import cookie_banner_consent

Environ = dict[str, Any]


class EnvironVisitor:
    """Asks the shop's functions, each of which gets the environ.

    :param shopper: returns a Shopper, an e-mail address or None.
    :param consent: returns True, False or None; without it cookie banners' cookies are read.
    :param exclude: whether the request is left out.
    """

    def __init__(
        self,
        environ: Environ,
        shopper: Callable[[Environ], object] | None,
        consent: Callable[[Environ], bool | None] | None,
        exclude: Callable[[Environ], object] | None,
    ) -> None:
        self._environ = environ
        self._shopper = shopper
        self._consent = consent
        self._exclude = exclude

    def shopper(self) -> Shopper | None:
        """Who it is, if anybody knows."""
        return Shopper.of(self._shopper(self._environ) if self._shopper else None)

    def consents(self, shopper: Shopper | None) -> bool | None:  # noqa: ARG002  the environ tells
        """What the shopper decided about tracking."""
        if self._consent is None:
            has_cookies = "HTTP_COOKIE" in self._environ
            return cookie_banner_consent(parse_cookie(self._environ)) if has_cookies else None
        told = self._consent(self._environ)
        return told if told is None else bool(told)

    def is_excluded(self) -> bool:
        """Whether the shop leaves this request out."""
        return self._exclude is not None and bool(self._exclude(self._environ))
