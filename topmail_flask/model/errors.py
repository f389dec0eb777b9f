"""One exception per reaction.

The tree of what can go wrong, for shops that call :class:`TopMailClient` themselves and for the
sender behind the extension::

    TopMailError
    ├── ConfigurationError        the shop's configuration is wrong: fix it and start again
    ├── InvalidValueError         a product, shopper or view that cannot be one
    └── DeliveryError             what the API, or the way to it, answered
        ├── RetryLater            nothing is wrong with the call: send the same bytes again
        │   ├── RateLimited       ... after the pause that the API asked for
        │   ├── Conflict          ... the API is still busy with this very key
        │   └── SuspiciousAnswer  ... it said "fine", but not in TopMail's words
        ├── SendingBlocked        every call would fail the same way: stop, keep the views
        └── CallRejected          this call can never succeed
            └── ContactNotFound   ... because TopMail does not know the contact

No message carries a key, an e-mail or a body: a shop's error tracker would ship them.
"""

from __future__ import annotations


class TopMailError(Exception):
    """The base of every error of this package."""


class ConfigurationError(TopMailError, ValueError):
    """A setting is unknown or wrong. The message names the key and the fix."""


class InvalidValueError(TopMailError, ValueError):
    """A value cannot be part of a product view.

    :ivar field: the name of the field at fault.
    :ivar problem: what is wrong with it, without the value itself.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


class IncompleteError(InvalidValueError):
    """An object of the shop lacks what makes it a product: an id, a name or a price.

    :ivar fix: the line to write.
    """

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(field, problem)
        self.fix = fix


class WrongAnswer(TopMailError, TypeError):
    """A function of the shop returned what it must not: the message names types, and no value."""


class DeliveryError(TopMailError):
    """TopMail did not take a call.

    :ivar status: the HTTP status of the answer, or None when there was none.
    :ivar code: the API's error code or the kind of network fault, e.g. ``"rate_limited"``.
    """

    def __init__(self, code: str, *, status: int | None = None, fix: str = "") -> None:
        answered = f"TopMail answered {status} ({code})" if status else f"TopMail: {code}"
        super().__init__(f"{answered}. {fix}".removesuffix(". "))
        self.code = code
        self.status = status


class RetryLater(DeliveryError):
    """A passing fault (5xx, a time-out, a lost connection): send the same bytes again later.

    :ivar wait: seconds that the API asked to wait, or None.
    """

    def __init__(
        self, code: str, *, status: int | None = None, fix: str = "", wait: float | None = None
    ) -> None:
        super().__init__(code, status=status, fix=fix)
        self.wait = wait


class RateLimited(RetryLater):
    """429: no call at all before :attr:`wait` seconds are over."""


class Conflict(RetryLater):
    """409 on a call with an idempotency key: the key is in use; the same call may succeed later."""


class SuspiciousAnswer(RetryLater):
    """A success status without TopMail's body: a captive portal, a proxy, a wrong address."""


class SendingBlocked(DeliveryError):
    """Key, permission, address or TLS is wrong: every further call would fail the same way."""


class CallRejected(DeliveryError):
    """The API will never take this call (400, 413, 422 ...).

    :ivar fields: names of the body's fields that the API complained about.
    """

    def __init__(
        self, code: str, *, status: int | None = None, fix: str = "", fields: tuple[str, ...] = ()
    ) -> None:
        super().__init__(code, status=status, fix=fix)
        self.fields = fields


class ContactNotFound(CallRejected):
    """404 ``contact_not_found``: the shopper is no contact of the workspace."""
