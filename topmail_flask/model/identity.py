"""Keyed digests: names for a shopper and a visit that tell nobody who it was."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

VISIT_SECONDS = 4 * 3600
_KEY_LIMIT = blake2b.MAX_KEY_SIZE


def digest(secret: bytes, *parts: str) -> str:
    """A keyed digest of ``parts`` in 32 hexadecimal characters (BLAKE2b, a MAC by design).

    Equal parts in equal order give equal digests in every process that knows the secret;
    ``("ab", "c")`` and ``("a", "bc")`` differ.

    :param secret: known to all worker processes of the shop, and to nobody else.
    :raises ValueError: the secret is empty: then anybody could try out e-mail addresses.
    """
    text = "".join([f"{len(part)}:{part}" for part in parts])
    keyed = _keyed(secret).copy()
    keyed.update(text.encode("utf-8", "surrogatepass"))
    return keyed.hexdigest()


@lru_cache(maxsize=64)
def _keyed(secret: bytes) -> blake2b:
    """The beginning of every digest with this secret: half of its cost."""
    if not secret:
        raise ValueError("a digest needs a secret")
    if len(secret) > _KEY_LIMIT:
        secret = blake2b(secret).digest()
    return blake2b(digest_size=16, key=secret, person=b"topmail")


def visit_id(secret: bytes, shopper_identity: str, user_agent: str, at: float) -> str:
    """The ``session_id`` of a view: one browser's views of one visit share it.

    It is derived, never stored: no cookie is set or read, and every worker process comes to the
    same one. Without memory a visit cannot end "after half an hour without a view"; it is
    bounded by a grid of four hours instead. The grid of each browser is shifted by an amount of
    its own, so that no hour splits everybody's visits. Two views ten minutes apart fall on two
    sides of a line once in 24 times.

    :param secret: as for :func:`digest`.
    :param shopper_identity: :attr:`~topmail_flask.Shopper.identity`, or anything that stays.
    :param user_agent: tells two browsers of a shopper apart; it cannot be read from the result.
    :param at: when the view was, in seconds since the epoch.
    :returns: 32 hexadecimal characters.
    """
    browser = f"{shopper_identity}\n{user_agent}"  # no header and no address has a line break
    return digest(secret, "visit", browser, str(int(at + _shift(browser)) // VISIT_SECONDS))


def visit_end(shopper_identity: str, user_agent: str, at: float) -> float:
    """When the visit ends whose :func:`visit_id` a view of this moment has."""
    shift = _shift(f"{shopper_identity}\n{user_agent}")
    return (int(at + shift) // VISIT_SECONDS + 1) * VISIT_SECONDS - shift


def _shift(browser: str) -> int:
    return crc32(browser.encode("utf-8", "surrogatepass")) % VISIT_SECONDS
