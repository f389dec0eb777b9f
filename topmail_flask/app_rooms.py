"""The rooms of one app, each loaded and made for the first page that needs it.

A store starts in the time that a few modules take; three quarters of the package come with its
first page, and what only some stores use with the first page that uses it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from topmail_flask.boundary import Boundary
from topmail_flask.consent_function import ConsentFunction
from topmail_flask.flask_visitor import Hooks
from topmail_flask.identify.seals import digest_secret
from topmail_flask.made_once import made_once
from topmail_flask.model.ledger import Health
from topmail_flask.model.settings import Settings
from topmail_flask.signals import Ends

if TYPE_CHECKING:
    from topmail_flask.beacon.app_beacon import AppBeacon
    from topmail_flask.delivery.front_door import Delivery
    from topmail_flask.tracker import Tracker


class AppRooms:
    """What decides about views, delivers them, and uses them in pages."""

    settings: Settings
    hooks: Hooks
    boundary: Boundary
    _app: Flask
    _ends: Ends
    _consent: ConsentFunction

    @property
    def name(self) -> str:
        """Tells this app from others in the files of one machine."""
        return f"{self._app.import_name}:{self._app.name}"

    def is_enabled(self) -> bool:
        """Whether views may be sent: there is a key, and no test is running unless it asks."""
        key, enabled = self.settings.api_key, self.settings.enabled
        return key is not None and (not self._app.testing if enabled is None else enabled)

    @made_once
    def secret(self) -> bytes:
        """Keys the digests of shoppers and visits."""
        return digest_secret(self._app, self.settings)

    @property
    def owner(self) -> bytes:
        """Tells this shop from others that run the same program: its ``SECRET_KEY``, if any."""
        secret = self._app.secret_key or ""
        return secret.encode() if isinstance(secret, str) else secret

    @property
    def outbox_root(self) -> Path | None:
        """Where the directories of this app's files are; None: nothing is kept on disk."""
        place = self.settings.outbox or str(Path(self._app.instance_path) / "topmail")
        return None if place == ":memory:" else Path(place)

    @made_once
    def delivery(self) -> Delivery:
        """The way to TopMail; opens nothing before the first view."""
        # Half of the package: loaded with the first page, not at the start of the store.
        from topmail_flask.delivery.front_door import Delivery  # noqa: PLC0415

        return Delivery(
            self.settings,
            app_name=self.name,
            directory=self.outbox_root,
            secret=self.secret,
            owner=self.owner,
            on_delivered=self._ends.delivered,
            on_dropped=self._ends.dropped,
            is_heard=self._ends.are_heard,
            celery=lambda: self._app.extensions.get("celery"),
            is_withdrawn=self._consent.is_withdrawn,
        )

    def health(self) -> Health:
        """Whether views reach TopMail; under a test that sends nothing, as the pages say it."""
        return self.delivery.health() if self.tracker.is_enabled() else Health("disabled")

    @made_once
    def tracker(self) -> Tracker:
        """Decides about this app's pages."""
        from topmail_flask.tracker import Tracker  # noqa: PLC0415  as for the delivery

        return Tracker(
            self.settings,
            self.delivery,
            sender=self._app,
            secret=self.secret,
            boundary=self.boundary,
            before_send=self.hooks.before_send,
            is_enabled=self.is_enabled,
        )

    @made_once
    def beacon(self) -> AppBeacon:
        """Signs products for pages, and hears from browsers that these are shown."""
        from topmail_flask.beacon.app_beacon import AppBeacon  # noqa: PLC0415  only who uses it pays

        return AppBeacon.of(self._app)
