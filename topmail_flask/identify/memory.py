"""What the browser of a shopper remembers for the store: who it is, and what was just seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g

from topmail_flask.identify import visit
from topmail_flask.identify.cookies import delete_cookie, is_for_everybody, set_cookie
from topmail_flask.identify.seals import FOR_COOKIES, FOR_VISITS
from topmail_flask.model.decision import Decision
from topmail_flask.model.reasons import Reason
from topmail_flask.request_record import RequestRecord
from topmail_flask.resolvers.identified import COOKIE, NAMED, Identity

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState

log = logging.getLogger("topmail_flask")
_COOKIES = "topmail_"
_REFUSED = frozenset({Reason.CONSENT, Reason.PRIVACY_SIGNAL})


class Memory:
    """Sets, reads and deletes the cookies of one app, once an answer is final.

    No cookie is set on an answer that shared caches may keep.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self._app = app
        self._state = state
        self._seals = state.recognition.seals
        self._caught_up = state.boundary.fence(self._catch_up, None)
        self._settled = state.boundary.fence(self._settle, None)

    def catch_up(self, request: Request, response: Response) -> None:
        """Send what was seen in this visit, once its shopper is known and consents.

        Before the view of this very page is sent: TopMail stamps views when they come. A look at
        this page's own address is left out: the page speaks for itself.
        """
        if self._state.settings.backfill and visit.COOKIE in _cookies(request):
            self._caught_up(request, response)

    def settle(self, request: Request, response: Response, decision: Decision) -> None:
        """Set and delete cookies, once it is known what became of the page."""
        is_kept = decision.reason is Reason.ANONYMOUS and self._state.settings.backfill
        if is_kept or NAMED in request.environ or _COOKIES in _cookies(request):
            self._settled(request, response, decision)

    def _catch_up(self, request: Request, response: Response) -> None:
        most = self._state.settings.backfill
        if not _may_carry_cookies(response):
            return  # the list could not be taken off the browser: the next answer will do
        visitor, tracker = self._state.visitor(request), self._state.tracker
        shopper, refusal = tracker.ask(visitor, request.environ)
        if shopper is None or refusal is not None or visitor.consents(shopper) is not True:
            return
        agent = request.environ.get("HTTP_USER_AGENT", "")
        tracker.catch_up(
            look.view(shopper, self._state.secret, agent)
            for look in self._looks(request, tracker.clock())[-most:]
            if urlsplit(look.product.url or "").path != request.path
        )
        delete_cookie(self._app, request, response, visit.COOKIE)

    def _settle(self, request: Request, response: Response, decision: Decision) -> None:
        environ = request.environ
        if NAMED in environ:
            self._remember(environ[NAMED], request, response)
        elif decision.reason in _REFUSED and _COOKIES in _cookies(request):
            if _may_carry_cookies(response):
                self._delete_all(request, response)
        elif decision.reason is Reason.ANONYMOUS and self._state.settings.backfill:
            self._keep_look(request, response, decision)

    def _remember(self, identity: Identity | None, request: Request, response: Response) -> None:
        if identity is None:
            self._delete_all(request, response)
            return
        if is_for_everybody(response):
            log.warning("no shopper is remembered: caches may keep %s", request.endpoint)
            return
        value = identity.sealed(self._seals.of(FOR_COOKIES))
        life = self._state.recognition.life(identity)
        set_cookie(self._app, request, response, COOKIE, value, life)

    def _keep_look(self, request: Request, response: Response, decision: Decision) -> None:
        seal = self._seals.find(FOR_VISITS)
        if decision.product is None or seal is None or not _may_carry_cookies(response):
            return
        if self._state.visitor(request).consents(None) is not True:
            return
        look = visit.Look(decision.product, float(int(self._state.tracker.clock())))
        looks = self._looks(request, look.at)
        kept = visit.sealed(visit.with_look(looks, look, self._state.settings.backfill), seal)
        if kept:
            set_cookie(self._app, request, response, visit.COOKIE, kept, None)

    def _looks(self, request: Request, now: float) -> tuple[visit.Look, ...]:
        seal = self._seals.find(FOR_VISITS)
        return visit.opened(request.cookies.get(visit.COOKIE), seal, now) if seal else ()

    def _delete_all(self, request: Request, response: Response) -> None:
        for name in (COOKIE, visit.COOKIE):
            delete_cookie(self._app, request, response, name)


def _cookies(request: Request) -> str:
    """The cookies of a request, unread."""
    told: str = request.environ.get("HTTP_COOKIE", "")
    return told


def _may_carry_cookies(response: Response) -> bool:
    """Not on what caches keep, and not on an answer of our own: it may come after newer ones."""
    record: RequestRecord | None = g.get("_topmail")
    return (record is None or record.own is None) and not is_for_everybody(response)
