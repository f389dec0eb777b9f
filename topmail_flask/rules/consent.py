"""May it be counted? Consent, and the signals that a browser sends of its own accord."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

_LONGEST = 8192
_COOKIEBOT_FIELD = re.compile(r"""["']?(marketing|method)["']?\s*:\s*["']?(\w+)""")
_KLARO_SERVICES = ("topmail", "marketing", "advertising")


def refused_by_consent(explicit: bool | None, signal: bool, settings: Settings) -> Reason | None:
    """Why this shopper's views must not be counted, or None.

    :param explicit: what the shopper said to the shop: True, False, or None for nothing. It
        outranks every signal of the browser.
    :param signal: :func:`privacy_signal`.
    :param settings: ``consent``: under ``"opt-in"`` nothing but True will do.
    """
    if explicit is not None:
        return None if explicit else Reason.CONSENT
    if signal:
        return Reason.PRIVACY_SIGNAL
    return Reason.CONSENT if settings.consent == "opt-in" else None


def privacy_signal(environ: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the browser asks not to be tracked, in a way that the shop honours.

    ``Sec-GPC: 1`` (Global Privacy Control, https://www.w3.org/TR/gpc/) under ``honor_gpc``,
    ``DNT: 1`` (https://www.w3.org/TR/tracking-dnt/) under ``honor_dnt``.
    """
    return (settings.honor_gpc and environ.get("HTTP_SEC_GPC") == "1") or (
        settings.honor_dnt and environ.get("HTTP_DNT") == "1"
    )


def cookie_banner_consent(cookies: Mapping[str, str]) -> bool | None:
    """What the shopper told a common cookie banner about marketing; None: nothing readable.

    Read are the cookies of Cookiebot, OneTrust, Osano and Klaro. A refusal to one of several
    banners is a refusal. Never raises, whatever the cookies hold: they come from outside.
    """
    consent = None
    for name in _READERS.keys() & cookies.keys():
        value = cookies[name]
        if isinstance(value, str) and 0 < len(value) <= _LONGEST:
            answer = _READERS[name](value)
            if answer is False:
                return False
            consent = consent or answer
    return consent


def _cookiebot(value: str) -> bool | None:
    """Category ``marketing`` of ``{stamp:'…',necessary:true,…,marketing:false,method:'explicit'}``.

    Source: Cookiebot's developer page, "Server-side usage". It is no JSON: keys are bare. ``-1``
    means that the visitor's region asks for no consent; like ``method:'implied'`` this is not
    something that the shopper said.
    """
    fields = dict(_COOKIEBOT_FIELD.findall(unquote(value)))
    if fields.get("marketing") == "false":
        return False
    said_so = fields.get("marketing") == "true" and fields.get("method") != "implied"
    return True if said_so else None


def _onetrust(value: str) -> bool | None:
    """Group ``C0004`` (targeting) of ``…&groups=C0001:1,C0004:0&interactionCount=1…``.

    Source: OneTrust's "Understanding the OptanonConsent cookie". The cookie is there before the
    banner was answered, with the defaults of the visitor's region: a 1 is consent only once
    ``interactionCount`` is above 0; a 0 is obeyed in any case.
    """
    fields = dict(parse_qsl(value))
    groups = dict(group.partition(":")[::2] for group in fields.get("groups", "").split(","))
    if groups.get("C0004") == "0":
        return False
    answered = fields.get("interactionCount", "0").strip() not in ("", "0")
    return True if groups.get("C0004") == "1" and answered else None


def _osano(value: str) -> bool | None:
    """Category ``MARKETING`` (``ACCEPT`` or ``DENY``) of ``{"MARKETING": "DENY", …}``.

    Source: the consent object of Osano's JavaScript API (``Osano.cm.getConsent()``). Osano's own
    script encrypts the cookie; the plain form is what it reads as well, and what a shop may write
    on ``osano-cm-consent-saved``. An encrypted choice cannot be read, so it is taken for a
    refusal: read it yourself in ``@topmail.consent``.
    """
    choice = _json(value)
    if choice is None:
        return False
    return {"ACCEPT": True, "DENY": False}.get(str(choice.get("MARKETING")))


def _klaro(value: str) -> bool | None:
    """Service ``topmail``, else ``marketing`` or ``advertising``, of ``{"topmail": true, …}``.

    Source: Klaro's annotated configuration. Klaro keeps the shop's own names of *services*, no
    categories. Where none of these three is asked about, a refusal of any service counts as one,
    and consent to others is none to this.
    """
    choices = _json(value) or {}
    for service in _KLARO_SERVICES:
        if isinstance(choices.get(service), bool):
            return bool(choices[service])
    return False if False in choices.values() else None


def _json(value: str) -> dict[str, Any] | None:
    try:
        read = json.loads(unquote(value))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


_READERS = {
    "CookieConsent": _cookiebot,
    "OptanonConsent": _onetrust,
    "osano_consentmanager": _osano,
    "klaro": _klaro,
}
