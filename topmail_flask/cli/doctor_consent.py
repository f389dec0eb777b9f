"""Who is asked for consent, what silence means, and whether that is right where the shop sells."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from topmail_flask.cli.doctor_configuration import function_name
from topmail_flask.cli.doctor_store import Finding, Store, ok, warning
from topmail_flask.cli.terminal import ago, count_of
from topmail_flask.rules.consent import BANNERS

# The EU, the EEA, the United Kingdom and Switzerland, as ISO 3166 and the ends of addresses say it.
_COUNTRY = re.compile(
    "AT|B[EG]|C[HYZ]|D[EK]|E[ESU]|F[IR]|G[BR]|H[RU]|I[EST]|L[ITUV]|MT|N[LO]|P[LT]|RO|S[EIK]|UK"
)
_REGION = re.compile(
    "amsterdam|bayern|berlin|brussels|bzh|cat|corsica|eus|gal|gent|hamburg|irish|koeln|london|nrw"
    "|paris|ruhr|saarland|scot|swiss|tirol|vlaanderen|wales|wien"
)
_CURRENCY = re.compile("BGN|CHF|CZK|DKK|EUR|GBP|HUF|ISK|NOK|PLN|RON|SEK")
_LANGUAGE = re.compile(  # of nowhere else
    "bg|cs|da|de|el|et|fi|ga|hr|hu|is|it|lt|lv|mt|nb|nl|nn|pl|ro|sk|sl|sv"
)
_ELSEWHERE_IN_EUROPE = re.compile(
    r"Astrakhan|Belgrade|Chisinau|Istanbul|Kaliningrad|Kiev|Kirov|Kyiv|Minsk|Moscow|Podgorica"
    r"|Samara|Sarajevo|Saratov|Simferopol|Skopje|Tirane|Tiraspol|Ulyanovsk|Uzhgorod|Volgograd"
    r"|Zaporozhye"
)
_LATELY = 7 * 86_400.0
_COUNTRY_SETTINGS = ("COUNTRY", "SHOP_COUNTRY", "STORE_COUNTRY", "DEFAULT_COUNTRY")


def consent(store: Store) -> Finding:
    """Who is asked for consent, and what does silence mean?"""
    settings, reader = store.settings, store.state.core.hooks.consent
    banners = f"reads the cookies of {len({banner.name for banner in BANNERS})} consent banners"
    who = f"asks {function_name(reader)}()" if reader else banners
    silence = "is a no" if settings.consent == "opt-in" else "is a yes"
    signals = " and ".join(
        signal
        for signal, honored in (("Sec-GPC", settings.honor_gpc), ("DNT", settings.honor_dnt))
        if honored
    )
    counts, last = store.state.core.delivery.unreadable_banners.read()
    if counts and reader is None and time.time() - last < _LATELY:
        when = f"{count_of(sum(counts.values()), 'time')}, the last {ago(time.time() - last)} ago"
        what = f"The cookies of {', '.join(counts)} could not be read ({when}): no views there."
        fix = "Answer with @topmail.consent. What cannot be read counts as a refusal."
        return warning(what, fix)
    what = f"{settings.consent}: {who}; no answer {silence}"
    if signals and settings.consent == "opt-out":
        what += f", unless the browser says {signals}"
    signs = list(_of_europe(store)) if settings.consent == "opt-out" else []
    if signs:
        what += f". {signs[0]}: there the law mostly asks for a yes first (GDPR, ePrivacy)"
        fix = 'Set TOPMAIL_CONSENT = "opt-in", unless your lawyer says that you need not.'
        return warning(f"{what}.", fix)
    return ok(f"{what}.")


def _of_europe(store: Store) -> Iterator[str]:
    """What says that the shop sells in the EU, the EEA, the United Kingdom or Switzerland."""
    config = store.app.config
    hosts = [urlsplit(store.settings.site_url or "").hostname, config.get("SERVER_NAME")]
    for host in (*hosts, *(config.get("TRUSTED_HOSTS") or ())):
        end = str(host or "").rpartition(":")[0] or str(host or "")
        end = end.rstrip(".").rpartition(".")[2].lower()
        if _COUNTRY.fullmatch(end.upper()) or _REGION.fullmatch(end):
            yield f"The shop's address ends in .{end}"
    currency = store.settings.currency or ""
    if _CURRENCY.fullmatch(currency):
        yield f"The shop's currency is {currency}"
    locale = str(config.get("BABEL_DEFAULT_LOCALE") or "")
    language, _, rest = locale.replace("-", "_").partition("_")
    country = rest.rpartition("_")[2].upper()
    if _COUNTRY.fullmatch(country) or (not country and _LANGUAGE.fullmatch(language.lower())):
        yield f"BABEL_DEFAULT_LOCALE is {locale}"
    zone = str(config.get("BABEL_DEFAULT_TIMEZONE") or "")
    if zone.startswith("Europe/") and not _ELSEWHERE_IN_EUROPE.search(zone):
        yield f"BABEL_DEFAULT_TIMEZONE is {zone}"
    for setting in _COUNTRY_SETTINGS:
        if _COUNTRY.fullmatch(str(config.get(setting) or "").upper()):
            yield f"{setting} is {config[setting]}"
