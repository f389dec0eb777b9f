"""Prices as customers read them."""

from __future__ import annotations

from decimal import Decimal


def euros(amount: Decimal) -> str:
    """``Decimal("1240.50")`` as ``€1,240.50``."""
    return f"€{amount:,.2f}"
