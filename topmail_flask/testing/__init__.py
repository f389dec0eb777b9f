"""What a shop's own tests need: captured views, visitors, a clock, a check of product pages.

With pytest nothing has to be imported: its fixtures are in ``topmail_flask.pytest_plugin``.
"""

from topmail_flask.testing.browsing import browse_as
from topmail_flask.testing.captured_views import CapturedViews
from topmail_flask.testing.capturing import capture
from topmail_flask.testing.clock import Clock
from topmail_flask.testing.product_pages import check_product_pages
from topmail_flask.testing.recording import Refusal

__all__ = ["CapturedViews", "Clock", "Refusal", "browse_as", "capture", "check_product_pages"]
