"""Checks of the way to TopMail and of the key. Nothing is written there.

What the key may do is asked by calls without content: a permission is looked at before the body,
and a view or contact without its required fields is refused as invalid, so that nothing comes of it
(the sandbox answers in this order, too).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from topmail_flask.cli.doctor_store import Exchange, Finding, Store, error, ok, warning
from topmail_flask.delivery import answers
from topmail_flask.delivery.answers import Answer
from topmail_flask.delivery.kinds import BY_NAME
from topmail_flask.model.errors import CallRejected, DeliveryError, SendingBlocked

_CLOCK_OFF, _CLOCK_WRONG = 30.0, 300.0  # seconds
_NOTHING = b"{}"
NOT_ASKED = "Not asked: it needs the checks before it."
_NETWORK_FIXES = {
    "name_not_resolved": "Check TOPMAIL_BASE_URL and this machine's DNS.",
    "connection_refused": "Check TOPMAIL_BASE_URL, and the firewall for calls going out.",
    "connect_timeout": "Check the firewall for calls going out; or set TOPMAIL_PROXY.",
}


def reach(store: Store) -> Finding:
    """Name, connection, TLS, and how long an answer takes."""
    exchange = _first(store)
    if exchange is None:
        return _not_asked()
    host = urlsplit(store.settings.base_url).netloc
    if isinstance(exchange.outcome, DeliveryError):
        problem = exchange.outcome
        fix = _NETWORK_FIXES.get(problem.code, parted(problem)[1])
        return error(f"{host} cannot be reached: {problem.code}.", fix)
    took = f"{exchange.took * 1000:.0f} ms"
    if exchange.took > sum(store.settings.timeout) / 2:
        what = f"{host} answered after {took}; TOPMAIL_TIMEOUT is near."
        return warning(what, "Look at the network, or raise TOPMAIL_TIMEOUT.")
    return ok(f"{host} answered in {took}, connection included.")


def access(store: Store) -> Finding:
    """Is the key accepted, and is its workspace there?"""
    exchange = _first(store)
    if exchange is None or isinstance(exchange.outcome, DeliveryError):
        return _not_asked()
    contacts_found = answers.contacts(exchange.outcome)
    if not isinstance(contacts_found, DeliveryError):
        return ok("TopMail accepts the key; its workspace is there.")
    if contacts_found.code == "forbidden":
        return ok("TopMail accepts the key. (It may not read contacts; nothing here needs that.)")
    return _problem(contacts_found)


def tracking(store: Store) -> Finding:
    """May the key record views? Asked with an empty one."""
    return _may(store, BY_NAME["view"].path, "record views")


def purchases(store: Store) -> Finding:
    """May the key record purchases? Only a warning: whether the shop tells of any is not known."""
    found = _may(store, BY_NAME["purchase"].path, "record purchases")
    if found.level == "ok" or found.what == NOT_ASKED:
        return found
    return warning(found.what, f"{found.fix} Without topmail.track_purchase it does not matter.")


def contacts(store: Store) -> Finding:
    """What becomes of shoppers that TopMail does not know?"""
    if store.settings.unknown_contacts == "skip":
        return ok("Views of shoppers unknown to TopMail are given up: contact_not_found.")
    return _may(store, "/contacts", "create contacts")


def automations(store: Store) -> Finding:
    """Does TopMail know the automations that TOPMAIL_AUTOMATIONS names, do they run, and may the
    key start them?

    A name or an id of a wrong shape stops the app at its start.
    """
    named = dict(store.settings.automations)
    if not named:
        return ok("TOPMAIL_AUTOMATIONS names none: topmail.trigger starts nothing.")
    path = BY_NAME["trigger"].path.format(target=next(iter(named.values())))
    may = _may(store, path, "start them")
    if may.what == NOT_ASKED:
        return may
    found = {name: _automation(store, f"/automations/{at}") for name, at in named.items()}
    if unknown := [name for name, state in found.items() if state == "not_found"]:
        what = f"TopMail does not know these of TOPMAIL_AUTOMATIONS: {', '.join(unknown)}."
        return error(what, "Take each id from TopMail's dashboard; a trigger of it is refused.")
    if paused := [name for name, state in found.items() if state == "paused"]:
        what = f"Paused in TopMail: {', '.join(paused)}. A trigger of it may start nothing."
        return warning(what, "Activate it in TopMail's dashboard.")
    unsure = [name for name, state in found.items() if not state]
    if may.level == "ok" and unsure:
        what = f"TopMail did not say whether it knows: {', '.join(unsure)}."
        return warning(what, "Compare their ids with the dashboard, or let the key read flows.")
    return ok(f"TopMail knows {', '.join(named)}. {may.what}") if may.level == "ok" else may


def _automation(store: Store, path: str) -> str:
    """``"not_found"``; what TopMail says of its state, ``"known"`` if it says nothing; or ""."""
    exchange = store.ask("GET", path)
    if exchange is None or not isinstance(exchange.outcome, Answer):
        return ""
    if exchange.outcome.status == 404:
        return "not_found"
    found = answers.content(exchange.outcome)
    return "" if isinstance(found, DeliveryError) else str(found.get("status") or "known")


def clock(store: Store) -> Finding:
    """Is this machine's clock right? Ages, rate limits and certificates depend on it."""
    exchange = _first(store)
    if exchange is None or isinstance(exchange.outcome, DeliveryError):
        return _not_asked()
    try:
        theirs = parsedate_to_datetime(exchange.outcome.headers.get("Date", "")).timestamp()
    except ValueError:
        return warning("TopMail's answer had no time to compare with.", "Check the clock by NTP.")
    off = exchange.at - theirs - 0.5  # the header has whole seconds, cut off
    if abs(off) < _CLOCK_OFF:
        return ok(f"The clock agrees with TopMail's to {max(1.0, abs(off)):.0f} s.")
    what = f"The clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} TopMail's."
    fix = "Have NTP set this machine's clock."
    return error(what, fix) if abs(off) >= _CLOCK_WRONG else warning(what, fix)


def _first(store: Store) -> Exchange | None:
    return store.ask("GET", "/contacts?limit=1")


def _may(store: Store, path: str, what: str) -> Finding:
    first = _first(store)
    if first is None or not _is_let_in(first.outcome):
        return _not_asked()
    exchange = store.ask("POST", path, _NOTHING)
    outcome = exchange.outcome if exchange else None
    if not isinstance(outcome, Answer):
        return _problem(outcome) if outcome else _not_asked()
    if 200 <= outcome.status < 300:
        fix = "Check TOPMAIL_BASE_URL: this is not TopMail's API."
        return error(f"An empty call to {path} was not refused.", fix)
    refusal = answers.reaction(outcome)
    if isinstance(refusal, CallRejected):
        return ok(
            f"The key may {what}: an empty call was refused for its content "
            f"({refusal.code}) and not for the key. Nothing was written."
        )
    return _problem(refusal)


def _is_let_in(outcome: Answer | DeliveryError) -> bool:
    if isinstance(outcome, DeliveryError):
        return False
    contacts_found = answers.contacts(outcome)
    return not isinstance(contacts_found, SendingBlocked) or contacts_found.code == "forbidden"


def _not_asked() -> Finding:
    return warning(NOT_ASKED, "Fix what is wrong above.")


def _problem(problem: DeliveryError) -> Finding:
    found = error if isinstance(problem, SendingBlocked) else warning
    return found(*parted(problem))


def parted(problem: DeliveryError) -> tuple[str, str]:
    """What happened, and the fix, out of the error's message."""
    what, _, fix = str(problem).partition(". ")
    return f"{what}.", f"{fix or 'Try again later'}."
