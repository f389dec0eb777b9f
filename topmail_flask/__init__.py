"""Product views of a Flask store, delivered to TopMail once each, in the background."""

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
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.receipt import Contact, Receipt
from topmail_flask.domain.settings import Settings
from topmail_flask.domain.shopper import Shopper
from topmail_flask.extension import TopMail
from topmail_flask.marking import product_page
from topmail_flask.middleware import TopMailMiddleware
from topmail_flask.signals import product_viewed, view_delivered, view_dropped
from topmail_flask.sources.page_product import extract

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
