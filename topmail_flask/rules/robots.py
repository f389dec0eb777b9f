"""Is the visitor a robot, and of which kind?

The list is `crawler-user-agents <https://github.com/monperrus/crawler-user-agents>`_, published
every few weeks. What it lacks and where it takes people for robots is corrected below; every
correction has its user agents in the tests.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger("topmail_flask")
LIST_UNREADABLE = (
    "some robots will count as visitors. Install it anew: "
    "pip install --force-reinstall crawler-user-agents"
)
_REMEMBERED = 2048
_READ = 1000


class RobotKind(StrEnum):
    """What a robot visits a shop for.

    :cvar AI: reads for an AI model or its answers (GPTBot, ClaudeBot, PerplexityBot).
    :cvar PREVIEW: shows or checks a link that somebody sent: chats, social networks, mail scanners.
    :cvar MONITOR: watches that the shop is up.
    :cvar SEARCH: any other crawler: search engines, SEO, archives, feeds, advertising, research.
    :cvar TOOL: a program or an automated browser: curl, python-requests, HeadlessChrome, scanners.
    """

    AI = "ai"
    PREVIEW = "preview"
    MONITOR = "monitor"
    SEARCH = "search"
    TOOL = "tool"


def robot_kind(user_agent: str | None) -> RobotKind | None:
    """The kind of robot that a ``User-Agent`` header names, or None for a browser of people.

    No user agent at all is a tool: every browser sends one. A test client of Werkzeug counts as a
    person. Only the first 1,000 characters are read. The list is loaded (about 30 ms) for the first
    user agent of a process that is not simply a common browser's; a new one then takes under
    0.1 ms, one seen lately under 1 us.
    """
    return _robot_kind(user_agent[:_READ]) if user_agent else RobotKind.TOOL


@lru_cache(maxsize=_REMEMBERED)
def _robot_kind(user_agent: str) -> RobotKind | None:
    if _PLAIN_BROWSER.fullmatch(user_agent):
        return None
    named = _ANDROID_DEVICE.sub("", user_agent)
    if not named.strip():
        return RobotKind.TOOL
    for kind, pattern in (*_OURS, *_listed()):
        if pattern.search(named):
            return kind
    return None


# What Chrome, Edge, Firefox and Safari send, and nothing besides: no robot names itself there.
_PLAIN_BROWSER = re.compile(
    r"Mozilla/5\.0 \((?:"
    r"Windows NT 10\.0; Win64; x64|X11; (?:Ubuntu; )?Linux x86_64|Linux; Android 10; K"
    r"|Macintosh; Intel Mac OS X [\d_.]{1,10}"
    r"|iPhone; CPU iPhone OS [\d_]{1,8} like Mac OS X|iPad; CPU OS [\d_]{1,8} like Mac OS X"
    r"|Android \d\d; Mobile)(?:; rv:\d{2,3}\.0)?\) "
    r"(?:Gecko/(?:20100101|\d{2,3}\.0) Firefox/\d{2,3}\.0"
    r"|AppleWebKit/[\d.]{5,10} \(KHTML, like Gecko\)"
    r"(?: Version/[\d.]{2,8})?(?: (?:Chrome|CriOS|FxiOS)/[\d.]{2,16})?(?: Mobile(?:/\w{3,8})?)?"
    r" Safari/[\d.]{3,10}(?: Edg(?:A|iOS)?/[\d.]{2,16})?)"
)
# Makers call their phones Cubot, X-BOT or Robot, and the build of an OPPO phone is on the list.
_ANDROID_DEVICE = re.compile(
    r"Android (?:[\w.]+;(?: [a-z]{2}[-_][A-Za-z]{2};)? [^;)]*|\([^)]*\))|CUBOT\w*", re.IGNORECASE
)

# Kinds that the list lacks, and words that give away a robot that no list knows yet.
_OURS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in {
        RobotKind.AI: (
            r"amazonbuyforme|crawl4ai|diffbot|firecrawl|googleagent-|linkupbot"
            r"|manus-user|meta-externalfetcher|novaact|-user/\d"
        ),
        RobotKind.PREVIEW: (
            r"barracuda|proofpoint|safelinks|mimecast|symantec|sophos|trend ?micro|fireeye"
            r"|ironport|forcepoint|link ?(?:check|scan|preview)|url ?preview|urlscan"
            r"|ms-?office|microsoft (?:office|outlook)"
        ),
        RobotKind.MONITOR: (
            r"health-?_? ?check|kube-probe|googlehc|envoy/hc|^prometheus/|pinger\b|heartbeat"
        ),
        RobotKind.TOOL: (
            r"^(?:curl|wget|go-http-client|okhttp|axios|scrapy|libwww-perl)/"
            r"|^(?:java|node|undici|postmanruntime|insomnia|k6|grafana k6|apachebench|apache-jmeter"
            r"|jmeter|ruby|faraday|guzzlehttp|php|reqwest|locust|siege|lwp|perl|bruno|rest-client"
            r"|powershell|winhttp|libcurl|pycurl|wrk|hey|vegeta|artillery|gatling|bun|deno|python)\b"
            r"|^(?:mozilla/[\d.]+|-+)\s*\Z"
            r"|\b(?:cypress|nuclei|selenium|webdriver|headlesschrome|phantomjs|windowspowershell)\b"
        ),
    }.items()
)
_UNKNOWN_CRAWLER = re.compile(
    r"bots?(?![a-z])|crawl|spider|scraper|\+https?://|compatible;(?! *(?:MSIE|Konqueror|U;))",
    re.IGNORECASE,
)

_KINDS = {
    "ai-crawler": RobotKind.AI,
    "social-preview": RobotKind.PREVIEW,
    "monitoring": RobotKind.MONITOR,
    "http-library": RobotKind.TOOL,
    "browser-automation": RobotKind.TOOL,
    "scanner": RobotKind.TOOL,
}
# The list's patterns that match browsers of people, and what they should have been.
_CORRECTED = {
    "WhatsApp": "^WhatsApp",  # its in-app browser says so at the end
    "Viber": "^Viber",
    "MetaIAB Facebook": None,  # Facebook's in-app browser
    r"AP3A\.240617\.008": None,  # a build of Android
    "Fluid": None,  # puts a web site in a window of its own, on a Mac
    "Sogou": "Sogou(?!MSE|Mobile)",
    r"008\/": r"\b008\/",
}


@cache
def _listed() -> tuple[tuple[RobotKind, re.Pattern[str]], ...]:
    """The kinds and patterns of the list, or our own alone where it cannot be read.

    Without it most robots are still known by the words above: no visitor is lost by a fault of it.
    """
    # Alternatives with a common first letter are found by that letter: 20 times as fast as one
    # expression of all, for the same result.
    alike: dict[tuple[RobotKind, str], list[str]] = {}
    try:
        for entry in json.loads(_file()):
            pattern = _CORRECTED.get(entry["pattern"], entry["pattern"])
            if pattern is not None:
                alike.setdefault((_kind(entry["tags"]), pattern[0]), []).append(pattern)
        found = tuple(_in_order(alike))
        fault = "" if alike else "it is empty"
    except Exception as error:  # noqa: BLE001  whatever another package's file holds
        found, fault = tuple(_in_order({})), type(error).__name__
    if fault:
        log.warning("The list of robots cannot be read (%s): %s", fault, LIST_UNREADABLE)
    return found


def _file() -> bytes:
    """The list as it is published, in UTF-8.

    Its package is not imported: that would read it in the encoding of the process's locale, which
    under mod_wsgi and uWSGI is often ASCII.
    """
    package = find_spec("crawleruseragents")
    if package is None or package.origin is None:
        raise FileNotFoundError("crawleruseragents")
    return Path(package.origin).with_name("crawler-user-agents.json").read_bytes()


def list_is_read() -> bool:
    """Whether the list of robots could be read; reads it if no visitor has needed it yet."""
    return len(_listed()) > 1


def _kind(tags: list[str]) -> RobotKind:
    kinds = {_KINDS.get(tag, RobotKind.SEARCH) for tag in tags} or {RobotKind.SEARCH}
    return next(kind for kind in RobotKind if kind in kinds)


def _in_order(
    alike: dict[tuple[RobotKind, str], list[str]],
) -> Iterator[tuple[RobotKind, re.Pattern[str]]]:
    for kind in RobotKind:
        for (its_kind, _), patterns in alike.items():
            if its_kind is kind:
                yield kind, re.compile("|".join(patterns))
    yield RobotKind.SEARCH, _UNKNOWN_CRAWLER
