"""The doctor's checks: one question a function, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterator

from topmail_flask.cli.checks import (
    answers,
    api,
    configuration,
    outbox,
    pages,
    server,
    shoppers,
    versions,
)
from topmail_flask.cli.checks.finding import Finding, warning
from topmail_flask.cli.checks.store import Check, Store

CHECKS: tuple[Check, ...] = (
    configuration.key,
    api.reach,
    api.access,
    api.tracking,
    api.purchases,
    api.contacts,
    api.clock,
    shoppers.shoppers,
    shoppers.identify,
    configuration.consent,
    configuration.site_url,
    configuration.currency,
    outbox.outbox,
    outbox.delivery,
    server.server,
    answers.cacheability,
    answers.compression,
    pages.routes,
    pages.pages,
    pages.ids,
    versions.versions,
)


def name_of(check: Check) -> str:
    """What a check is called in the output."""
    return check.__name__.replace("_", " ")


def findings(store: Store) -> Iterator[tuple[str, Finding]]:
    """Each check's name and what it found, one after the other."""
    for check in CHECKS:
        try:
            found = check(store)
        except Exception as error:  # noqa: BLE001  the shop's own code may raise anything
            what = f"This could not be looked at: {type(error).__name__} was raised."
            found = warning(what, "Look at the page in a browser; the store's log says more.")
        yield name_of(check), found
