"""May it be counted? Consent, and the signals that a browser sends of its own accord."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from topmail_flask.model.errors import WrongAnswer
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

Consent = bool | Literal[Reason.CONSENT_UNREADABLE] | None
"""What a shopper decided: yes, no, no that could not be read, or nothing yet."""


PRIVACY_HEADERS = frozenset({"HTTP_SEC_GPC", "HTTP_DNT"})
_LONGEST = 8192
_ENCODED_AT_MOST = 3
_COOKIEBOT_FIELD = re.compile(r"""["']?(marketing|method)["']?\s*:\s*["']?(\w+)""")
_ESCAPED = re.compile(r"\\([0-3][0-7]{2}|.)", re.DOTALL)
"""What frameworks write into a quoted cookie (RFC 2109)."""
_SERVICES = ("topmail", "marketing", "advertising")
_MARKETING = frozenset({"marketing", "targeting", "advertising", "advertisement", "ads", "ad"})


def refused_by_consent(explicit: Consent, signal: bool, settings: Settings) -> Reason | None:
    """Why this shopper's views must not be counted, or None.

    :param explicit: what the shopper said to the shop. It outranks every signal of the browser.
    :param signal: :func:`privacy_signal`.
    :param settings: ``consent``: under ``"opt-in"`` nothing but True will do.
    """
    if isinstance(explicit, Reason):
        return explicit
    if explicit is not None:
        return None if explicit else Reason.CONSENT
    if signal:
        return Reason.PRIVACY_SIGNAL
    return Reason.CONSENT if settings.consent == "opt-in" else None


def decision_of(answer: object) -> bool | None:
    """What a consent function of the shop returned. A text is no answer: "no" would pass for True.

    :raises WrongAnswer: it is neither True (or 1, as databases keep it) nor False nor None.
    """
    if answer is None or (isinstance(answer, int) and answer in (0, 1)):
        return None if answer is None else bool(answer)
    raise WrongAnswer(f"returned {type(answer).__name__}. Return True, False, or None")


def privacy_signal(environ: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the browser asks not to be tracked, in a way that the shop honours.

    ``Sec-GPC: 1`` (Global Privacy Control, https://www.w3.org/TR/gpc/) under ``honor_gpc``,
    ``DNT: 1`` (https://www.w3.org/TR/tracking-dnt/) under ``honor_dnt``. Only these two headers
    (:data:`PRIVACY_HEADERS`) are read.
    """
    return (settings.honor_gpc and environ.get("HTTP_SEC_GPC") == "1") or (
        settings.honor_dnt and environ.get("HTTP_DNT") == "1"
    )


def cookie_banner_consent(header: str) -> Consent:
    """What the shopper told a common cookie banner about marketing; None: nothing yet.

    A refusal to one of several banners is a refusal, and so is a cookie of a banner's name that
    cannot be read. Of two cookies of one name, of the domain and of its parent, the refusal counts.
    Another cookie whose name says that it keeps consent can only refuse (:func:`_refuses`).
    Never raises, whatever the cookies hold: they come from outside.

    :param header: ``Cookie``, as WSGI hands it over. Banners write unquoted JSON, which Werkzeug
        3.1 leaves out of ``request.cookies``.
    """
    consent: Consent = None
    cookies, closed, others = _consent_cookies(header)
    for banner, value in cookies:
        answer = _answer(banner, value, closed)
        if answer is False:
            return False
        if consent is not Reason.CONSENT_UNREADABLE:
            consent = answer or consent
    return False if any(_refuses(name, value) for name, value in others) else consent


def unreadable_banners(header: str) -> list[str]:
    """The banners whose cookies are among these and cannot be read."""
    cookies, closed, _ = _consent_cookies(header)
    return [
        banner.name
        for banner, value in cookies
        if _answer(banner, value, closed) is Reason.CONSENT_UNREADABLE
    ]


def _consent_cookies(
    header: str,
) -> tuple[list[tuple[Banner, str]], set[str], list[tuple[str, str]]]:
    """The banners' cookies, those of :attr:`Banner.closed`, and others that may be refusals."""
    cookies, closed, others = [], set(), []
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        name = name.strip()
        banner = _BANNERS.get(_NUMBERED.sub("", name))
        if banner is not None:
            cookies.append((banner, value))
        elif name in _CLOSED:
            closed.add(name)
        elif _keeps_consent(name):
            others.append((name, value))
    return cookies, closed, others


def _keeps_consent(name: str) -> bool:
    is_about_it = _KEEPS_CONSENT.search(name) or _KEEPS_REFUSAL.search(name)
    return bool(is_about_it) and not _TELLS_OTHER_THINGS.search(name)


def _answer(banner: Banner, value: str, closed: set[str]) -> Consent:
    if not 0 < len(value) <= _LONGEST:
        return Reason.CONSENT_UNREADABLE
    try:
        text = _decoded(value)
        return banner.read(text, is_closed=True) if banner.closed in closed else banner.read(text)
    except (ValueError, RecursionError):
        return Reason.CONSENT_UNREADABLE


def _decoded(value: str) -> str:
    """The value without the encodings of browsers, frameworks and proxies."""
    value = value.strip().encode("latin-1", "replace").decode("utf-8", "replace")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(_unescaped, value[1:-1])
    for _ in range(_ENCODED_AT_MOST):
        once_less = unquote(value)
        if once_less == value or "&" in value:
            break  # behind an & are fields, each encoded by itself
        value = once_less
    return value.strip()


def _unescaped(found: re.Match[str]) -> str:
    escaped = found[1]
    return chr(int(escaped, 8)) if len(escaped) == 3 else escaped


def _json(value: str) -> dict[str, Any]:
    """An object, also one that was written as text into JSON.

    :raises ValueError: it is none.
    """
    read: Any = value
    for _ in range(_ENCODED_AT_MOST):
        if not isinstance(read, str):
            break
        read = json.loads(read)
    if not isinstance(read, dict):
        raise ValueError("no JSON object")
    return read


def _one_of(value: object, answers: Mapping[str, bool | None]) -> bool | None:
    """What stands for the value.

    :raises ValueError: nothing does.
    """
    try:
        return answers[str(value).strip().lower()]
    except KeyError:
        raise ValueError("a word that the banner does not write") from None


def _cookiebot_or_react(value: str) -> bool | None:
    """``{stamp:'…',necessary:true,…,marketing:false,method:'explicit'}``, or ``true``, ``false``.

    Two banners have this cookie's name. Cookiebot's value is no JSON: keys are bare. ``-1`` means
    that the visitor's region asks for no consent; like ``method:'implied'`` this is not something
    that the shopper said.
    """
    if not value.startswith("{"):
        return _one_of(value, {"true": True, "false": False, "-1": None, "0": False})
    fields = dict(_COOKIEBOT_FIELD.findall(value))
    marketing = _one_of(fields.get("marketing"), {"true": True, "false": False})
    return None if marketing and fields.get("method") == "implied" else marketing


def _onetrust(value: str, *, is_closed: bool = False) -> bool | None:
    """``…&groups=C0001:1,C0004:0&interactionCount=1…``: group ``C0004``, targeting.

    Where a shop gave its groups numbers of its own, nobody knows which is about marketing: then a
    refusal of any is one. The cookie is there before the banner was answered, with the defaults of
    the visitor's region: a 1 is consent only once ``interactionCount`` is above 0, or, where a shop
    keeps no receipts and so has no such count, ``OptanonAlertBoxClosed`` is there; a 0 is obeyed
    in any case.
    """
    fields = dict(parse_qsl(value, keep_blank_values=True))
    count = fields.get("interactionCount", "0").strip()
    answered = is_closed or count not in ("", "0")
    groups = dict(re.findall(r"([\w.-]+):([01])(?=,|\Z)", fields.get("groups", "")))
    if not groups:
        if answered or not fields.keys() & {"datestamp", "version", "landingPath"}:
            raise ValueError("no groups")
        return None
    accepted = groups["C0004"] == "1" if "C0004" in groups else "0" not in groups.values()
    return (True if answered else None) if accepted else False


def _osano(value: str) -> bool | None:
    """``{"ESSENTIAL": "ACCEPT", "MARKETING": "DENY", …}``, as ``Osano.cm.getConsent()`` has it.

    Osano's own script encrypts the cookie: then nobody else can read it. A shop may write the plain
    form on ``osano-cm-consent-saved``, or answer in ``@topmail.consent``. ``OPT_OUT`` is accepted
    by who forbids the sale of data (United States); the rest is left as it was.
    """
    content = _json(value)
    if _one_of(content.get("OPT_OUT", "DENY"), {"accept": True, "deny": False}):
        return False
    choice = content.get("MARKETING")
    return None if choice is None else _one_of(choice, {"accept": True, "deny": False})


def _osano_open_source(value: str) -> bool | None:
    """``allow``, ``deny``, or ``dismiss`` for a banner that was closed without an answer."""
    return _one_of(value, {"allow": True, "deny": False, "dismiss": None})


def _klaro(value: str) -> bool | None:
    """``{"topmail": true, "matomo": false}``: service ``topmail``, ``marketing``, ``advertising``.

    Klaro keeps the shop's own names of *services*, no categories. Where none of these three is
    asked about, a refusal of any service counts as one, and consent to others is none to this.
    """
    choices = {name: choice for name, choice in _json(value).items() if isinstance(choice, bool)}
    return _of_services(choices)


def _of_services(choices: Mapping[str, bool]) -> bool | None:
    for service in _SERVICES:
        if service in choices:
            return choices[service]
    return False if False in choices.values() else None


def _cookieyes(value: str) -> bool | None:
    """``consentid:…,consent:yes,action:yes,necessary:yes,…,advertisement:no``, in any order."""
    fields = {
        name.strip(): choice.strip().lower()
        for name, choice in re.findall(r"([\w ]+):([^,]*)", value)
    }
    words = {"yes": True, "no": False, "": None}
    advertisement = _one_of(fields.get("advertisement", fields.get("consent")), words)
    if advertisement is None and fields.get("consent") == "no":
        return False
    return None if advertisement and fields.get("action") != "yes" else advertisement


def _allow_or_deny(value: str) -> bool | None:
    """``allow`` or ``deny``."""
    return _one_of(value, {"allow": True, "deny": False})


def _usercentrics(value: str) -> bool | None:
    """``{"services": [{"id": …, "status": false}, …]}``, or ``{"gcm": {"adStorage": "denied"}}``.

    Version 3 has ``{"consent": {"services": {"…": {"consent": false}}}}``, and ``gcm`` only where a
    shop uses Google's consent mode.
    Usercentrics keeps it in the browser's storage; a shop's server sees it once the shop copies it
    into a cookie of the same name. Services are numbers of Usercentrics: as with Klaro, a refusal
    of any counts as one.
    """
    content = _json(value)
    google = content.get("gcm")
    if isinstance(google, dict):
        answer = google.get("adPersonalization", google.get("adStorage"))
        return _one_of(answer, {"granted": True, "denied": False})
    consent = content.get("consent")
    services = content.get("services", consent.get("services") if isinstance(consent, dict) else [])
    named = list(services.values()) if isinstance(services, dict) else services
    if not isinstance(named, list) or not named:
        raise ValueError("no services")
    each = [service for service in named if isinstance(service, dict)]
    answers = [service.get("status", service.get("consent")) for service in each]
    given = [answer.get("given") if isinstance(answer, dict) else answer for answer in answers]
    return False if False in given else None


def _tcf(value: str) -> bool | None:
    """An IAB TC string: purposes 1 (storage), 3 (profiles) and 4 (personalised advertising).

    The purposes that the visitor consents to are 24 bits after 152 of the core segment.
    """
    core = value.partition(".")[0]
    if not re.fullmatch(r"[\w-]{30,}", core, re.ASCII):
        raise ValueError("no TC string")
    content = urlsafe_b64decode(core + "=" * (-len(core) % 4))
    bits = int.from_bytes(content[:22], "big")
    if len(content) < 22 or bits >> 170 != 2:
        raise ValueError("not version 2")
    return all(bits >> (24 - purpose) & 1 for purpose in (1, 3, 4))


def _tarteaucitron(value: str) -> bool | None:
    """``!topmail=true!facebookpixel=false!matomo=wait``: services, as Klaro has them."""
    found = re.findall(r"!([^!=]+)=(\w+)", value)
    if not found:
        raise ValueError("no services")
    return _of_services(
        {name: choice == "true" for name, choice in found if choice in ("true", "false")}
    )


def _orestbida(value: str) -> bool | None:
    """``{"categories": ["necessary", "analytics"], …}``: what was accepted (``level`` until 2.6).

    The names are the shop's own: accepted is what is called marketing, targeting, advertising, ads.
    """
    content = _json(value)
    accepted = content.get("categories", content.get("level"))
    if not isinstance(accepted, list):
        raise ValueError("no categories")
    return any(str(name).lower() in _MARKETING for name in accepted)


def _axeptio(value: str) -> bool | None:
    """``{"$$token": "…", "$$completed": true, "google_analytics": false, …}``: services, as Klaro.

    What begins with ``$$`` is Axeptio's own.
    """
    content = _json(value)
    if "$$completed" not in content:
        raise ValueError("no answer")
    return _of_services(
        {
            name: choice
            for name, choice in content.items()
            if isinstance(choice, bool) and not name.startswith("$$")
        }
    )


def _iubenda(value: str) -> bool | None:
    """``{"purposes": {"1": true, …, "5": false}, …}``: purpose 5, targeting and advertising.

    Without purposes of their own ``{"consent": true, …}`` is the answer to all of them.
    """
    content = _json(value)
    purposes = content.get("purposes")
    answer = purposes.get("5") if isinstance(purposes, dict) else content.get("consent")
    if answer is None and isinstance(purposes, dict):
        return False if False in purposes.values() else None
    return _one_of(answer, {"true": True, "false": False})


def _didomi(value: str) -> bool | None:
    """Base64 of ``{"purposes": {"enabled": […], "disabled": […]}, "vendors": {…}, …}``.

    Purposes and vendors are the shop's own, but for those of TCF: a refusal of any counts as one,
    and consent is that to the two about personalised advertising.
    """
    content = _json(urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("utf-8"))
    lists = [content.get(name) for name in ("purposes", "vendors")]
    choices = [choice for choice in lists if isinstance(choice, dict)]
    if not choices:
        raise ValueError("no purposes")
    if any(choice.get("disabled") for choice in choices):
        return False
    enabled = choices[0].get("enabled")
    return True if isinstance(enabled, list) and _OF_ADVERTISING.issubset(enabled) else None


_OF_ADVERTISING = frozenset({"create_ads_profile", "select_personalized_ads"})

# In such cookies stores, and banners that are not listed below, keep consent; those that tell other
# things about it say nothing.
_SUBJECT = r"(?:(?:all[-_. ]?)?cookies?|privacy|gdpr|dsgvo|rgpd|lgpd|tracking)"
_KEEPS_CONSENT = re.compile(
    rf"consent|{_SUBJECT}[-_. ]?"
    r"(?:control|settings?|pref|choice|law|policy|permission|option|categor|(?:notice[-_. ]?)?"
    r"(?:accept|allow|agree)|marketing|advert|targeting)"
    rf"|(?:accept|allow|agree|marketing|advertising|targeting)[-_. ]?{_SUBJECT}",
    re.IGNORECASE,
)
_KEEPS_REFUSAL = re.compile(
    r"(?:consent|cookies?|tracking|marketing|advertising)\w{0,20}?[-_. ]?"
    r"(?:reject|declin|denied|deny|refus|opt[-_. ]?out|disabled)"
    rf"|(?:reject|decline|deny|refuse)[-_. ]?{_SUBJECT}|do[-_. ]?not[-_. ]?track"
    r"|\A(?:__hs_)?opt[-_. ]?out\Z",  # HubSpot's, or the store's own
    re.IGNORECASE,
)
_TELLS_OTHER_THINGS = re.compile(
    r"version|date|uuid|ident|[-_]id\b|seen|view|show|clos|dismiss|submit|updat|receiv|panel|widget"
    r"|popup|banner|hidden|analyt|statisti|personali|functional|performance|necessary|essential"
    r"|requir|need|region|country|in_eu|terms|[-_]tos|disclaim|newsletter|mail|sms|18|adult"
    r"|com?fort|komfort|social|media|third|addtl|parent|open|modal|dialog|expand|ask|prompt|pending"
    r"|timestamp|expir|lang|locale|variant|debug|error|reload"
    # Answers about another category: of CookieYes, the WP Consent API, and Osano's version 4.
    r"|others|wp_consent_pref|uncategor"
    r"|(?<![a-z])(?:age|bar|step|count|test|location)(?![a-z])",
    re.IGNORECASE,
)
_PLAIN_YES = frozenset(("1", "true", "yes", "y", "on", "all"))
_PLAIN_NO = frozenset(
    """0 false no n none off deny denied decline declined reject rejected rejectall rejectedall
    refuse refused disagree disagreed disallow disallowed revoked withdrawn optout minimal strict
    necessary necessaryonly onlynecessary essential essentials essentialonly onlyessential required
    requiredonly onlyrequired mandatory functional technical""".split()
)
_OTHER_CATEGORIES = frozenset(
    """necessary strictlynecessary essential essentials required mandatory technical functional
    functionality preferences personalization analytics statistics performance
    measurement""".split()
)
_NO = r"[\"']?(?:false|0|no|off|den(?:y|ied)|declined?|reject(?:ed)?|refused?|revoked|withdrawn)\b"
_OF_MARKETING = (
    r"(?:marketing|campaigns|advert\w{0,20}|adv|ads?|target(?:ing|ed)|track(?:ing|ers?))"
)
_REFUSED_MARKETING = re.compile(
    rf"(?<![a-z])(?:allow|cookies?)?[-_]?(?:{_OF_MARKETING}|ad_?(?:storage|user_?data|personali[sz]ation))"
    r"(?:[-_]?cookies?)?[\"']?\s*"
    rf"(?:[:=#]\s*(?:\{{[^{{}}]*?[:=]\s*)?|,\s*[\"']\w+[\"']\s*:\s*){_NO}"
    rf"|(?:\A\{{?|[|&])\s*[\"']?(?:accepted|consent(?:ed)?)[\"']?\s*[:=]\s*{_NO}"
    r"|(?<![a-z])(?:action|decision|choice|status)[\"']?\s*[:=]\s*[\"']?(?:reject|den(?:y|ied)|declin|refus)",
    re.IGNORECASE,
)
_ACCEPTED = re.compile(
    r"(?:categor(?:y|ies)|levels?|accepted\w{0,20}|approved|allowed|granted)[\"']?\s*[:=]"
    r"\s*[\"']?\[([^\[\]]*)\]",
    re.IGNORECASE,
)
_AMONG_THEM = re.compile(rf"(?<![a-z]){_OF_MARKETING}|\ball\b", re.IGNORECASE)


def _refuses(name: str, value: str) -> bool:
    """Whether a cookie that keeps consent says no: all of it, or where it names marketing.

    Of a cookie that is not known a no is obeyed, and a yes is none: it may be to another thing.
    One that is called after a refusal says no by a yes, or by naming marketing.
    """
    if not 0 < len(value) <= _LONGEST:
        return False
    text = _decoded(value)
    plain = _letters(text)
    if _KEEPS_REFUSAL.search(name):
        return plain in _PLAIN_YES or bool(_AMONG_THEM.search(text))
    if plain in _PLAIN_NO or _REFUSED_MARKETING.search(text) or _is_refused_by_tcf(text):
        return True
    allowed = list(map(_letters, re.split(r"[,;|]", text)))
    if len(allowed) > 1 and _OTHER_CATEGORIES.issuperset(allowed):
        return True
    accepted = _ACCEPTED.search(text)
    named = accepted[1] if accepted is not None else ""
    return bool(re.search("[a-z]", named, re.IGNORECASE)) and not _AMONG_THEM.search(named)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _is_refused_by_tcf(text: str) -> bool:
    try:
        return not _tcf(text)
    except ValueError:
        return False


class Banner(NamedTuple):
    """A cookie banner whose answer is read.

    :ivar name: the product.
    :ivar cookie: the exact name of its cookie; what ends in ``-`` is followed by a number.
    :ivar read: the answer about marketing in the decoded value; raises ValueError if it is none
        that the banner writes.
    :ivar source: where its maker documents the cookie.
    :ivar closed: another cookie of it, which is there once the visitor has closed it: then ``read``
        is told so by ``is_closed=True``.
    """

    name: str
    cookie: str
    read: Callable[..., bool | None]
    source: str
    closed: str = ""


BANNERS = (
    Banner(
        "Cookiebot, react-cookie-consent",
        "CookieConsent",
        _cookiebot_or_react,
        "cookiebot.com/en/developer; github.com/Mastermindzh/react-cookie-consent, README",
    ),
    Banner(
        "react-cookie-consent",
        "CookieConsent-legacy",
        _cookiebot_or_react,
        "github.com/Mastermindzh/react-cookie-consent, src/utilities.ts",
    ),
    Banner(
        "OneTrust",
        "OptanonConsent",
        _onetrust,
        "my.onetrust.com: Understanding the OptanonConsent cookie",
        closed="OptanonAlertBoxClosed",
    ),
    Banner(
        "Osano", "osano_consentmanager", _osano, "docs.osano.com: consent manager's JavaScript API"
    ),
    Banner(
        "Osano Cookie Consent (open source)",
        "cookieconsent_status",
        _osano_open_source,
        "github.com/osano/cookieconsent, 3.1, src/cookieconsent.js",
    ),
    Banner("Klaro", "klaro", _klaro, "github.com/klaro-org/klaro-js, src/consent-manager.js"),
    Banner(
        "CookieYes",
        "cookieyes-consent",
        _cookieyes,
        "cookieyes.com/documentation: checking visitors' consent",
    ),
    Banner(
        "Complianz",
        "cmplz_marketing",
        _allow_or_deny,
        "github.com/Really-Simple-Plugins/complianz-gdpr, cookiebanner/js/complianz.js",
    ),
    Banner(
        "Complianz (main site of a WordPress network)",
        "cmplz_rt_marketing",
        _allow_or_deny,
        "github.com/Really-Simple-Plugins/complianz-gdpr, get_cookie_prefix",
    ),
    Banner(
        "WP Consent API",
        "wp_consent_marketing",
        _allow_or_deny,
        "github.com/WordPress/wp-consent-level-api, assets/js/wp-consent-api.js",
    ),
    Banner(
        "Usercentrics",
        "uc_settings",
        _usercentrics,
        "npm @usercentrics/cmp-browser-sdk, LOCAL_STORAGE_KEY and StorageSettings",
    ),
    Banner("Usercentrics 3", "ucData", _usercentrics, "docs.usercentrics.com: browser storage"),
    Banner(
        "IAB TCF 2",
        "euconsent-v2",
        _tcf,
        "github.com/InteractiveAdvertisingBureau: TC string format",
    ),
    Banner(
        "IAB TCF 2 (OneTrust)",
        "eupubconsent-v2",
        _tcf,
        "github.com/InteractiveAdvertisingBureau: TC string format",
    ),
    Banner(
        "tarteaucitron",
        "tarteaucitron",
        _tarteaucitron,
        "github.com/AmauriC/tarteaucitron.js, tarteaucitron.cookie.create",
    ),
    Banner(
        "CookieConsent by Orest Bida",
        "cc_cookie",
        _orestbida,
        "github.com/orestbida/cookieconsent, src/utils/cookies.js",
    ),
    Banner("Didomi", "didomi_token", _didomi, "support.didomi.io: Didomi cookies, storage"),
    Banner("iubenda", "_iub_cs-", _iubenda, "iubenda.com/en/help: cookie solution, purposes"),
    Banner("Axeptio", "axeptio_cookies", _axeptio, "support.axeptio.eu: cookies of the widget"),
)
"""All that are read: another banner is another row."""
_BANNERS = {banner.cookie: banner for banner in BANNERS}
_NUMBERED = re.compile(r"(?<=-)\d+\Z")
CONSENT_HINTS = (
    *(
        "consent",
        "cookie",
        "privacy",
        "gdpr",
        "dsgvo",
        "rgpd",
        "lgpd",
        "klaro",
        "cmplz",
        "uc_settings",
    ),
    *("ucdata", "tarteaucitron", "didomi", "_iub_cs", "axeptio"),
    *("track", "optout", "opt_out", "opt-out"),
)
"""In lower case: without any of them no cookie keeps consent, and the header need not be read."""
_CLOSED = frozenset(banner.closed for banner in BANNERS if banner.closed)
