"""A share of the shoppers, always the same ones."""

from __future__ import annotations

from hashlib import blake2b


def in_sample(identity: str, rate: float) -> bool:
    """Whether a shopper's views are sent under ``TOPMAIL_SAMPLE_RATE``.

    The same in every process and for good; who is in a sample is also in every larger one.

    :param identity: :attr:`~topmail_flask.Shopper.identity`.
    :param rate: share of the shoppers, from 0 (nobody) to 1 (everybody).
    """
    if rate >= 1:
        return True
    drawn = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sample")
    return int.from_bytes(drawn.digest(), "big") < rate * 2**64
