"""Texts that only this shop can make, and only this shop can read, one key for each purpose."""

from __future__ import annotations

import binascii
import hmac
import logging
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

from flask import Flask

from topmail_flask.guard import Guard
from topmail_flask.model.errors import ConfigurationError

log = logging.getLogger("topmail_flask")
FOR_COOKIES, FOR_LINKS, FOR_VISITS = "shopper cookie", "shopper link", "visit cookie"

LONGEST = 4096
BEGINNING = "tm1-"
"""How every sealed text begins: what it is, and the version of its format."""
_NONCE = 12


class Sealer:
    """Seals texts for one purpose: what was sealed for another one cannot be opened.

    Each is encrypted and authenticated by AES-256-GCM as `cryptography <https://cryptography.io>`_
    implements it, with a random nonce. Signing alone would leave an e-mail address readable to
    whoever opens the browser's cookies, a server's log of URLs or the report of an error tracker.
    (Fernet, the same library's recipe, takes 30 times as long to open.)

    :param secrets: the shop's secrets, the current one first; older ones still open.
    :param purpose: any text.
    :raises ConfigurationError: there is no secret, or the package ``cryptography`` is missing.
    """

    def __init__(self, secrets: Iterable[bytes], purpose: str) -> None:
        keys = [
            hmac.digest(secret, f"topmail_flask {purpose}".encode(), "sha256") for secret in secrets
        ]
        if not keys:
            raise ConfigurationError("shoppers without log-in need app.config['SECRET_KEY']")
        try:
            # Imported late: only a store that identifies shoppers pays for it.
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError:
            fix = 'install "topmail-flask[identify]"'
            raise ConfigurationError(
                f"shoppers without log-in need the package cryptography: {fix}"
            ) from None
        self._ciphers = [AESGCM(key) for key in keys]
        self._invalid = InvalidTag

    def seal(self, content: bytes) -> str:
        """``content`` as letters, digits, ``-`` and ``_``; never twice the same."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._ciphers[0].encrypt(nonce, content, None)
        return BEGINNING + urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, sealed: str) -> bytes | None:
        """What was sealed; None: not by this shop, not for this purpose, or not unchanged."""
        if not sealed.startswith(BEGINNING) or len(sealed) > LONGEST or not sealed.isascii():
            return None
        text = sealed[len(BEGINNING) :]
        try:
            content = urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
        except binascii.Error:
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(content[:_NONCE], content[_NONCE:], None)
            except (self._invalid, ValueError):
                continue
        return None


class Seals:
    """The seals of one app, made of its ``SECRET_KEY`` when they are first needed.

    One for each purpose: a link's token is no cookie, and a cookie is no token. What was sealed
    with a key of ``SECRET_KEY_FALLBACKS`` can still be opened.
    """

    def __init__(self, app: Flask, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._made: dict[str, Sealer] = {}
        self._has_complained = False

    def of(self, purpose: str) -> Sealer:
        """The seal for a purpose.

        :raises ConfigurationError: the app has no secret, or the extra ``identify`` is missing.
        """
        if purpose not in self._made:
            keys = [self._app.secret_key, *(self._app.config.get("SECRET_KEY_FALLBACKS") or ())]
            secrets = [key.encode() if isinstance(key, str) else key for key in keys if key]
            self._made[purpose] = Sealer(secrets, purpose)
        return self._made[purpose]

    def find(self, purpose: str) -> Sealer | None:
        """The same in a request: what the shop has to do is said once, and the page goes on.

        :raises ConfigurationError: under the testing kit.
        """
        try:
            return self.of(purpose)
        except ConfigurationError as error:
            if self._guard.strict:
                raise
            if not self._has_complained:
                self._has_complained = True
                log.error("%s", error)  # noqa: TRY400  the frames hold the shopper
            return None
