"""Texts that only this shop can make, and only this shop can read."""

from __future__ import annotations

import binascii
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

from topmail_flask.model.errors import ConfigurationError

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
        keys = [hmac.digest(one, f"topmail_flask {purpose}".encode(), "sha256") for one in secrets]
        if not keys:
            raise ConfigurationError("shoppers without log-in need app.config['SECRET_KEY']")
        try:
            # Imported late: only a store that identifies shoppers pays for it.
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError:
            cure = 'install "topmail-flask[identify]"'
            raise ConfigurationError(
                f"shoppers without log-in need the package cryptography: {cure}"
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
            told = urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
        except binascii.Error:
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(told[:_NONCE], told[_NONCE:], None)
            except (self._invalid, ValueError):
                continue
        return None
