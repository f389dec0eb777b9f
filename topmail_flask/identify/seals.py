"""What an app's secret is used for, each purpose by a key of its own."""

from __future__ import annotations

import logging
import os

from flask import Flask

from topmail_flask.boundary import Boundary
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.settings import Settings
from topmail_flask.resolvers.sealing import Sealer

log = logging.getLogger("topmail_flask")
FOR_COOKIES, FOR_LINKS, FOR_VISITS = "shopper cookie", "shopper link", "visit cookie"


def digest_secret(app: Flask, settings: Settings) -> bytes:
    """Keys the digests of one app: its own secret, else the API key."""
    secret = app.secret_key or ""
    if not secret and settings.api_key is not None:
        secret = settings.api_key.reveal()
    if not secret:  # without a key nothing is sent: no other process has to agree
        return os.urandom(16)
    return secret.encode() if isinstance(secret, str) else secret


class Seals:
    """The seals of one app, made of its ``SECRET_KEY`` when they are first needed.

    One for each purpose: a link's token is no cookie, and a cookie is no token. What was sealed
    with a key of ``SECRET_KEY_FALLBACKS`` can still be opened.
    """

    def __init__(self, app: Flask, boundary: Boundary) -> None:
        self._app = app
        self._boundary = boundary
        self._made: dict[str, Sealer] = {}
        self._has_complained = False

    def of(self, purpose: str) -> Sealer:
        """The seal for a purpose.

        :raises ConfigurationError: the app has no secret, or the extra ``identify`` is missing.
        """
        if purpose not in self._made:
            keys = [self._app.secret_key, *(self._app.config.get("SECRET_KEY_FALLBACKS") or ())]
            secrets = [one.encode() if isinstance(one, str) else one for one in keys if one]
            self._made[purpose] = Sealer(secrets, purpose)
        return self._made[purpose]

    def find(self, purpose: str) -> Sealer | None:
        """The same in a request: what the shop has to do is said once, and the page goes on.

        :raises ConfigurationError: under the testing kit.
        """
        try:
            return self.of(purpose)
        except ConfigurationError as error:
            if self._boundary.strict:
                raise
            if not self._has_complained:
                self._has_complained = True
                log.error("%s", error)  # noqa: TRY400  the frames hold the shopper
            return None
