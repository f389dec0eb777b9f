"""Who browses: a shopper, a robot, a browser that fetches ahead."""

from __future__ import annotations

import copy
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import Consent
from topmail_flask.shoppers import FlaskShopperSource

SHOPPER = "topmail_flask.testing.shopper"
CONSENT = "topmail_flask.testing.consent"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def browse_as(
    client: Flask | FlaskClient,
    shopper: Shopper | str | None = None,
    *,
    robot: bool | str = False,
    prefetch: bool = False,
    consent: bool | None = None,
) -> FlaskClient:
    """A test client whose requests are those of a certain visitor.

    Whom the store's own log-in knows does not matter for ``shopper`` and ``consent``; they count
    inside of :func:`~topmail_flask.testing.capture` alone. What is not said is left to the store.

    :param client: the app, for a browser of its own; or a client, for the same browser with the
        same cookies. The client itself stays as it is.
    :param shopper: a :class:`~topmail_flask.Shopper` or an e-mail address.
    :param robot: True for a search engine's robot, or the user agent of another one.
    :param prefetch: the browser fetches pages ahead of its user.
    :param consent: True for an agreement to be tracked, False for a refusal.
    :raises InvalidValueError: no such shopper can be.
    """
    known = Shopper.of(shopper)
    browser = client.test_client() if isinstance(client, Flask) else copy.copy(client)
    environ: dict[str, Any] = dict(browser.environ_base)
    if known is not None:
        environ[SHOPPER] = known
    if robot:
        environ["HTTP_USER_AGENT"] = ROBOT if robot is True else robot
    if prefetch:
        environ["HTTP_SEC_PURPOSE"] = "prefetch"
    if consent is not None:
        environ[CONSENT] = consent
    browser.environ_base = environ
    return browser


class StagedShopperSource(FlaskShopperSource):
    """The visitor that :func:`browse_as` named; whatever it left open is the store's to tell."""

    def logged_in(self) -> Shopper | None:
        staged: Shopper | None = self._request.environ.get(SHOPPER)
        return super().logged_in() if staged is None else staged

    def is_surely_nobody(self) -> bool:
        return SHOPPER not in self._request.environ and super().is_surely_nobody()

    def consents(self, shopper: Shopper | None) -> Consent:
        staged: bool | None = self._request.environ.get(CONSENT)
        return super().consents(shopper) if staged is None else staged
