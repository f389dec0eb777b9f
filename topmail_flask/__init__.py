"""Product views of a Flask store, delivered to TopMail once each, in the background.

A name is imported when it is first used: a script that only wants the client, or a test run that
only looks for plugins, does not pay for all the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topmail_flask.delivery.client import TopMailClient
    from topmail_flask.domain.errors import (
        CallRejected,
        ConfigurationError,
        Conflict,
        ContactNotFound,
        DeliveryError,
        InvalidValueError,
        RateLimited,
        RetryLater,
        SendingBlocked,
        SuspiciousAnswer,
        TopMailError,
    )
    from topmail_flask.domain.extraction import Extraction
    from topmail_flask.domain.ledger import Health, Stats
    from topmail_flask.domain.product import Product
    from topmail_flask.domain.product_view import ProductView
    from topmail_flask.domain.purchase import Purchase
    from topmail_flask.domain.reasons import Reason
    from topmail_flask.domain.receipt import Contact, Receipt
    from topmail_flask.domain.settings import Settings
    from topmail_flask.domain.shopper import Shopper
    from topmail_flask.extension import TopMail
    from topmail_flask.marking import product_page
    from topmail_flask.middleware import TopMailMiddleware
    from topmail_flask.signals import product_viewed, view_delivered, view_dropped
    from topmail_flask.sources.page_product import extract

_HOMES = {
    "delivery.client": ("TopMailClient",),
    "domain.errors": (
        *("CallRejected", "ConfigurationError", "Conflict", "ContactNotFound", "DeliveryError"),
        *("InvalidValueError", "RateLimited", "RetryLater", "SendingBlocked", "SuspiciousAnswer"),
        "TopMailError",
    ),
    "domain.extraction": ("Extraction",),
    "domain.ledger": ("Health", "Stats"),
    "domain.product": ("Product",),
    "domain.product_view": ("ProductView",),
    "domain.purchase": ("Purchase",),
    "domain.reasons": ("Reason",),
    "domain.receipt": ("Contact", "Receipt"),
    "domain.settings": ("Settings",),
    "domain.shopper": ("Shopper",),
    "extension": ("TopMail",),
    "marking": ("product_page",),
    "middleware": ("TopMailMiddleware",),
    "signals": ("product_viewed", "view_delivered", "view_dropped"),
    "sources.page_product": ("extract",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CallRejected",
    "ConfigurationError",
    "Conflict",
    "Contact",
    "ContactNotFound",
    "DeliveryError",
    "Extraction",
    "Health",
    "InvalidValueError",
    "Product",
    "ProductView",
    "Purchase",
    "RateLimited",
    "Reason",
    "Receipt",
    "RetryLater",
    "SendingBlocked",
    "Settings",
    "Shopper",
    "Stats",
    "SuspiciousAnswer",
    "TopMail",
    "TopMailClient",
    "TopMailError",
    "TopMailMiddleware",
    "extract",
    "product_page",
    "product_viewed",
    "view_delivered",
    "view_dropped",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
