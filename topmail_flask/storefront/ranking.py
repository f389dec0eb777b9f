"""Which products belong together: arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from topmail_flask.storefront.looks import Companion

LEAST_VISITORS = 2
_DOUBT = 2.0


def also_viewed(companions: Iterable[Companion]) -> list[str]:
    """Ids of the products that were seen with one product, the closest first.

    The measure is the cosine of the two sets of viewers, without the part that is the same for all
    companions of one product: ``both / sqrt(viewers)``. What everybody looks at anyway comes late.
    Two or three visitors may have met by accident: ``both / (both + 2)`` holds them back. What one
    visitor alone saw with it is not shown: it would tell of that visitor.
    """
    scored = [
        (both / sqrt(max(viewers, both)) * both / (both + _DOUBT), product)
        for product, both, viewers in companions
        if both >= LEAST_VISITORS
    ]
    return [product for _, product in sorted(scored, key=lambda one: (-one[0], one[1]))]
