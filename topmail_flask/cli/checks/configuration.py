"""Checks of what the shop configured."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.store import Store
from topmail_flask.extraction.currencies import is_active

_NOT_PUBLIC = (".local", ".localhost", ".test", ".example", ".invalid", ".internal")


def key(store: Store) -> Finding:
    """Is there a key, of the right kind? (A malformed one stops the app at its start.)"""
    api_key = store.settings.api_key
    if api_key is None:
        return error("There is no API key: nothing is sent.", "Set TOPMAIL_API_KEY.")
    if store.settings.enabled is False:
        cure = "Remove TOPMAIL_ENABLED where views should be sent."
        return warning("TOPMAIL_ENABLED is False: nothing is sent.", cure)
    is_live = api_key.reveal().startswith("tm_live_")
    if is_live and (store.app.debug or store.app.testing):
        where = "debug mode" if store.app.debug else "tests"
        cure = "Use a tm_test_… key, or: flask topmail sandbox"
        return warning(f"A live key in {where}: what is tried out mails real shoppers.", cure)
    if not store.state.core.is_enabled():
        return warning("The app is under TESTING: nothing is sent.", "Unset TESTING in production.")
    if not is_live and store.is_in_production:
        cure = "Set TOPMAIL_API_KEY to the tm_live_… key where real shoppers are."
        return warning("A test key outside of debug and testing: no mail is sent with it.", cure)
    return ok(f"A {'live' if is_live else 'test'} key ({api_key}).")


def site_url(store: Store) -> Finding:
    """Which address do mails link to, and who may choose it?"""
    site = store.settings.site_url
    if site is None:
        for name in ("SERVER_NAME", "TRUSTED_HOSTS"):
            if store.app.config.get(name):
                return ok(f"TOPMAIL_SITE_URL is not set; {name} keeps forged hosts out.")
        cure = "Set TOPMAIL_SITE_URL to the shop's public address (or TRUSTED_HOSTS)."
        what = "Links are made from the Host header: whoever forges it chooses where mails link to."
        return warning(what, cure)
    parts = urlsplit(site)
    if store.is_in_production and _is_private(parts.hostname or ""):
        cure = "Set TOPMAIL_SITE_URL to the shop's public address."
        return error(f"Mails would link to {site}, which is no public address.", cure)
    if store.is_in_production and parts.scheme == "http":
        cure = "Set TOPMAIL_SITE_URL to the shop's https address."
        return warning(f"Mails would link to {site}, without encryption.", cure)
    return ok(f"Mails link to {site}.")


def currency(store: Store) -> Finding:
    """Do prices have a currency?"""
    code = store.settings.currency
    if code is not None:
        if is_active(code):
            return ok(f"Prices that name no currency are in {code}.")
        cure = "Set TOPMAIL_CURRENCY to the shop's, e.g. EUR."
        return error(f"TOPMAIL_CURRENCY is {code}, which is no currency of ISO 4217.", cure)
    products = [one.decision.product for one in store.samples if one.decision.product]
    if products and all(product.currency for product in products):
        return ok("TOPMAIL_CURRENCY is not set; the sampled pages name their own currency.")
    what = "TOPMAIL_CURRENCY is not set: a price that names no currency is not sent."
    return warning(what, "Set TOPMAIL_CURRENCY, e.g. to EUR.")


def consent(store: Store) -> Finding:
    """Who is asked for consent, and what does silence mean?"""
    settings, reader = store.settings, store.state.core.hooks.consent
    who = (
        f"asks {function_name(reader)}()"
        if reader
        else "reads the cookies of Cookiebot, OneTrust, Osano and Klaro"
    )
    silence = "is a no" if settings.consent == "opt-in" else "is a yes"
    signals = " and ".join(
        name
        for name, honored in (("Sec-GPC", settings.honor_gpc), ("DNT", settings.honor_dnt))
        if honored
    )
    what = f"{settings.consent}: {who}; no answer {silence}"
    if signals and settings.consent == "opt-out":
        what += f", unless the browser says {signals}"
    return ok(what + ".")


def function_name(function: object) -> str:
    """The name of a function of the shop."""
    return getattr(function, "__qualname__", type(function).__name__)


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_NOT_PUBLIC)
