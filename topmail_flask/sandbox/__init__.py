"""A local TopMail: the API's contract over real HTTP, a page to watch it, faults on purpose.

It shares no code with the client of this package, so that it stays an independent check of it.
"""

from topmail_flask.sandbox.api import ApiKey
from topmail_flask.sandbox.assumptions import Assumptions
from topmail_flask.sandbox.sandbox import Options, Sandbox

__all__ = ["ApiKey", "Assumptions", "Options", "Sandbox"]
