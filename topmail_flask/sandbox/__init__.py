"""A local TopMail: the API's contract over real HTTP, a page to watch it, faults to order.

It shares no code with the client of this package, so that it stays an independent check of it.
"""

from topmail_flask.sandbox.keys import ApiKey
from topmail_flask.sandbox.sandbox import Sandbox

__all__ = ["ApiKey", "Sandbox"]
