"""What a template's context holds under the usual names of a product (rule T1)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from topmail_flask.extraction.reading import is_undefined

VARIABLES = ("product", "item")
# Values that are no product whatever they are called; looking at them would cost every page.
_NO_PRODUCTS = frozenset((str, int, float, bool, Decimal, list, tuple, set, frozenset))


def template_product(context: Mapping[str, object], names: tuple[str, ...]) -> object | None:
    """What a template's context holds under ``product``, ``item`` or one of ``names`` (rule T1).

    :param names: the further names of ``TOPMAIL_TEMPLATE_VARIABLES``.
    :returns: the first of them that could be a product; nothing of it is read here.
    """
    for name in VARIABLES + names if names else VARIABLES:
        value = context.get(name)
        if value is not None and type(value) not in _NO_PRODUCTS and not is_undefined(value):
            return value
    return None
