"""TopMail's API, as a shop or a script calls it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import metadata
from typing import TypeVar
from urllib.parse import quote

from topmail_flask.delivery import answers
from topmail_flask.delivery.answers import Answer
from topmail_flask.delivery.kinds import BY_TYPE, Kind
from topmail_flask.delivery.policy import Quota, quota
from topmail_flask.delivery.transport import Transport
from topmail_flask.model.errors import Conflict, DeliveryError, InvalidValueError
from topmail_flask.model.events import Conversion, Event, ProductView, Purchase, Trigger, new_key
from topmail_flask.model.settings import Secret, Settings
from topmail_flask.model.shopper import Contact, Receipt, Shopper

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_Value = TypeVar("_Value")


class TopMailClient:
    """Calls to TopMail, one at a time, each with its own answer. No thread, no file, no retry.

    It may be shared between threads and survives a fork. Neither redirects nor the proxies,
    ``.netrc`` and CA bundles of the environment are followed. Usable in a ``with`` statement::

        with TopMailClient("tm_live_…") as client:
            receipt = client.track_product_view(view)

    Every method raises one of :class:`~topmail_flask.DeliveryError`: ``RetryLater`` (and its kinds
    ``RateLimited``, ``Conflict``, ``SuspiciousAnswer``), ``SendingBlocked``, ``CallRejected`` (and
    ``ContactNotFound``).

    :param api_key: ``tm_live_…`` or ``tm_test_…``.
    :param base_url: https; http on this machine (the sandbox) and, with a ``tm_test_`` key, at
        private names and addresses.
    :param timeout: seconds to connect and to wait for an answer: a pair, or one for both. A call
        ends 15 s after its connection is open, however slowly the answer comes.
    :param proxy: URL of a proxy.
    :param ca: file of CA certificates (PEM) instead of certifi's.
    :param connections: connections that are kept open at the most, 1 to 64.
    :ivar contact_list: TopMail's id of the list that contacts are added to that it creates.
    :raises ConfigurationError: one of these is wrong.
    """

    def __init__(
        self,
        api_key: str | Secret,
        *,
        base_url: str = "https://api.topmail.so/api/v1",
        timeout: float | tuple[float, float] = (3.05, 5.0),
        proxy: str | Secret | None = None,
        ca: str | None = None,
        connections: int = 4,
    ) -> None:
        settings = Settings(
            api_key=api_key,  # type: ignore[arg-type]  # each is checked and turned at birth
            base_url=base_url,
            timeout=timeout,  # type: ignore[arg-type]
            proxy=proxy,  # type: ignore[arg-type]
            ca=ca,
            senders=connections,
        )
        self._transport = Transport(settings, f"topmail-flask/{version()}")
        self._quota: Quota | None = None
        self.contact_list: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> TopMailClient:
        """The client that an app's settings describe.

        :raises ConfigurationError: they hold no API key.
        """
        client = cls(
            settings.api_key or "",
            base_url=settings.base_url,
            timeout=settings.timeout,
            proxy=settings.proxy,
            ca=settings.ca,
            connections=settings.senders,
        )
        client.contact_list = settings.contact_list
        return client

    def track_product_view(self, view: ProductView) -> Receipt:
        """Record a view. Called again with the same view it sends the same idempotency key.

        :raises InvalidValueError: nobody knows the view's shopper.
        """
        return self._sent(view)

    def track_purchase(self, purchase: Purchase) -> Receipt:
        """Record a purchase, a conversion of its shopper.

        TopMail counts an order once, whoever tells of it: ``Conflict`` says that it knows it.
        """
        return self._sent(purchase)

    def track_conversion(self, conversion: Conversion) -> Receipt:
        """Record another conversion than a purchase."""
        return self._sent(conversion)

    def trigger_automation(self, trigger: Trigger) -> Receipt:
        """Start an automation for a shopper, now; ``CallRejected`` says that there is none."""
        return self._sent(trigger, trigger.automation_id)

    def create_contact(self, shopper: Shopper, *, subscribed: bool = False) -> Contact:
        """Create the shopper's contact, or find it if it exists already.

        :param subscribed: whether the shopper agreed to marketing mail. A contact that exists
            keeps what it has.
        :raises InvalidValueError: the shopper has no e-mail address.
        """
        made = self.post_contact(shopper, subscribed=subscribed)
        if isinstance(made, Conflict):
            found = _raised(self._found(shopper.email or ""))
            return found or _raised(made)
        return _raised(made)

    def update_contact(
        self,
        contact_id: str,
        *,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        attributes: Mapping[str, object] | None = None,
        subscribed: bool | None = None,
    ) -> Contact:
        """Change a contact: what is given, and nothing else; attributes merge with those it has.

        That the address may be changed is a guess: TopMail says that the given fields are updated,
        and not which. ``Conflict`` says that another contact has it.

        :param contact_id: TopMail's id of the contact, see :meth:`find_contact`.
        :raises InvalidValueError: a value that cannot be right.
        """
        changes = _fields(Shopper(email, contact_id, first_name, last_name, attributes))
        if subscribed is not None:
            changes["subscribed"] = subscribed
        return _raised(self._contact("PATCH", f"/contacts/{quote(contact_id, safe='')}", changes))

    def find_contact(self, email: str) -> Contact | None:
        """The contact with this address (in any case), or None.

        The API takes the address in the query of the URL, where tracing tools may see it; nothing
        in this package calls this method by itself.

        :raises InvalidValueError: not an e-mail address.
        """
        return _raised(self._found(Shopper(email=email).email or ""))

    def close(self) -> None:
        """Close the connections. A later call opens them anew."""
        self._transport.close()

    def post(
        self, kind: Kind, key: str, body: bytes, *, target: str = ""
    ) -> Receipt | DeliveryError:
        """Tell of an event by its bytes; the error is returned, so that no frame keeps them.

        :param target: what the path of the call names.
        :raises InvalidValueError: the key is not one of 1 to 64 letters, digits, ``-`` and ``_``.
        """
        if not _KEY.match(key):
            raise InvalidValueError("key", "must have 1 to 64 letters, digits, - and _")
        path = kind.path.format(target=target) if target else kind.path
        answer = self._exchange("POST", path, body, key)
        if isinstance(answer, DeliveryError):
            return answer
        return answers.receipt(answer, any_shape=not kind.is_shape_known, alone=kind.alone)

    def post_contact(self, shopper: Shopper, *, subscribed: bool) -> Contact | DeliveryError:
        """Create a contact; the error is returned. :class:`Conflict` says that it exists."""
        if shopper.email is None:
            raise InvalidValueError("email", "is missing: a contact is created by its address")
        fields = {"email": shopper.email, "subscribed": subscribed} | _fields(shopper)
        if self.contact_list is not None:
            fields["list_id"] = self.contact_list
        return self._contact("POST", "/contacts", fields)

    def _contact(
        self, method: str, path: str, fields: Mapping[str, object]
    ) -> Contact | DeliveryError:
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        answer = self._exchange(method, path, body, new_key())
        return answer if isinstance(answer, DeliveryError) else answers.contact(answer)

    def take_quota(self) -> Quota | None:
        """What the last answer said about the rate limit; once."""
        quota, self._quota = self._quota, None
        return quota

    def _sent(self, event: Event, target: str = "") -> Receipt:
        kind = BY_TYPE[type(event)]
        return _raised(self.post(kind, event.key, event.body_bytes(), target=target))

    def _found(self, email: str) -> Contact | DeliveryError | None:
        answer = self._exchange("GET", f"/contacts?search={quote(email, safe='')}&limit=1000")
        found = answer if isinstance(answer, DeliveryError) else answers.contacts(answer)
        if isinstance(found, DeliveryError):
            return found
        wanted = email.casefold()
        return next(
            (contact for contact in found if (contact.email or "").casefold() == wanted), None
        )

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, key: str | None = None
    ) -> Answer | DeliveryError:
        answer = self._transport.exchange(method, path, body=body, key=key)
        if isinstance(answer, Answer):
            self._quota = quota(answer.headers)
        return answer

    def __enter__(self) -> TopMailClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<TopMailClient>"


def _fields(shopper: Shopper) -> dict[str, object]:
    """What is known of a shopper and a contact has as well."""
    names = ("email", "first_name", "last_name", "attributes")
    fields = {name: getattr(shopper, name) for name in names}
    return {name: value for name, value in fields.items() if value is not None}


def _raised(outcome: _Value | DeliveryError) -> _Value:
    """The value; an error is raised here, where no frame holds a key or an address."""
    if isinstance(outcome, DeliveryError):
        raise outcome
    return outcome


def version() -> str:
    """The installed version of the package."""
    try:
        return metadata.version("topmail-flask")
    except metadata.PackageNotFoundError:
        return "0"
