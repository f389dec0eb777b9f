"""Product views of a Flask store, delivered to TopMail once each, in the background.

A name is imported when it is first used: a script that only wants the client, or a test run that
only looks for plugins, does not pay for all the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topmail_flask.delivery.client import TopMailClient
    from topmail_flask.extension import TopMail
    from topmail_flask.extraction.extract import extract
    from topmail_flask.marking import product_page
    from topmail_flask.middleware import TopMailMiddleware
    from topmail_flask.model.decision import Extraction
    from topmail_flask.model.errors import (
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
    from topmail_flask.model.events import Conversion, ProductView, Purchase, Trigger
    from topmail_flask.model.ledger import Health, Stats
    from topmail_flask.model.product import Product
    from topmail_flask.model.reasons import Reason
    from topmail_flask.model.settings import Settings
    from topmail_flask.model.shopper import Contact, Receipt, Shopper
    from topmail_flask.signals import (
        conversion_delivered,
        conversion_dropped,
        product_viewed,
        trigger_delivered,
        trigger_dropped,
        view_delivered,
        view_dropped,
    )

_MODULES = {
    "delivery.client": ("TopMailClient",),
    "extension": ("TopMail",),
    "extraction.extract": ("extract",),
    "marking": ("product_page",),
    "middleware": ("TopMailMiddleware",),
    "model.decision": ("Extraction",),
    "model.errors": (
        *("CallRejected", "ConfigurationError", "Conflict", "ContactNotFound", "DeliveryError"),
        *("InvalidValueError", "RateLimited", "RetryLater", "SendingBlocked", "SuspiciousAnswer"),
        "TopMailError",
    ),
    "model.events": ("Conversion", "ProductView", "Purchase", "Trigger"),
    "model.ledger": ("Health", "Stats"),
    "model.product": ("Product",),
    "model.reasons": ("Reason",),
    "model.settings": ("Settings",),
    "model.shopper": ("Contact", "Receipt", "Shopper"),
    "signals": (
        *("conversion_delivered", "conversion_dropped", "product_viewed", "trigger_delivered"),
        *("trigger_dropped", "view_delivered", "view_dropped"),
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "CallRejected",
    "ConfigurationError",
    "Conflict",
    "Contact",
    "ContactNotFound",
    "Conversion",
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
    "Trigger",
    "conversion_delivered",
    "conversion_dropped",
    "extract",
    "product_page",
    "product_viewed",
    "trigger_delivered",
    "trigger_dropped",
    "view_delivered",
    "view_dropped",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  who does not ask does not pay

        return version("topmail-flask")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
