"""Recently viewed, also viewed: what one app's templates ask, and the receiver that feeds it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, after_this_request, g, request, request_finished

from topmail_flask.made_once import made_once
from topmail_flask.model.events import ProductView
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.request_record import current_record
from topmail_flask.signals import product_viewed
from topmail_flask.storefront.look_file import LookFile
from topmail_flask.storefront.looks import Look
from topmail_flask.storefront.patient_memory import PatientMemory
from topmail_flask.storefront.place import look_path
from topmail_flask.storefront.ranking import also_viewed
from topmail_flask.storefront.visitors import Visitor, Visitors

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState

MOST = 24
_ALSO_VIEWED_SECONDS = 300.0
_ALSO_VIEWED_PRODUCTS = 1000
_FLUSHES_BETWEEN_CHECKS = 1000
log = logging.getLogger("topmail_flask")


@dataclass(slots=True)
class Personal:
    """The answer to this request shows what its visitor saw; lives on ``flask.g``.

    :ivar number: content of a new cookie.
    :ivar takes_cookie_back: the browser shall lose its cookie.
    """

    number: str | None = None
    takes_cookie_back: bool = False


class Storefront:
    """One app's storefront. It costs nothing before something of it is used.

    Used once by any process of the machine, it stays in use: the file is there, and processes that
    start later listen from their start. After 30 days in which nobody asked, the file is removed.

    :param on_disk: whether there is a file; otherwise this process remembers for itself.
    """

    def __init__(self, app: Flask, state: AppState, *, on_disk: bool = True) -> None:
        self._app = app
        self._state = state
        self._path = look_path(state) if on_disk else None
        self._is_listening = False
        self._flushes = 0
        self._companions: dict[str, tuple[float, Sequence[str]]] = {}
        # Signals hold receivers weakly: these attributes keep them for as long as the app lives.
        self._on_view = state.boundary.fence(self._note, None)
        self._on_finished = state.boundary.fence(self._finish, None)
        self.flush = state.boundary.fence(self._flush, None)
        """Hand on what was seen. Called when an answer has been sent."""

    @made_once
    def visitors(self) -> Visitors:
        """Who is who."""
        return Visitors(self._app, self._state)

    @made_once
    def memory(self) -> PatientMemory:
        """What remembers: the shop's own, or the file."""
        memory = self._state.hooks.look_memory or LookFile(self._path)
        return PatientMemory(memory, self._state.boundary)

    def resume(self) -> None:
        """Hear of looks from now on."""
        if self._is_listening:
            return
        self._is_listening = True
        product_viewed.connect(self._on_view, self._app)
        request_finished.connect(self._on_finished, self._app)

    def stop(self) -> None:
        """Hear of no more looks, until something of it is used again."""
        self._is_listening = False
        product_viewed.disconnect(self._on_view, self._app)
        request_finished.disconnect(self._on_finished, self._app)

    def recently_viewed(self, limit: int, without: str | None, visitor: Visitor) -> list[Any]:
        """What this visitor saw last, newest first: products of the shop's loader, or ids.

        :param without: id of the product whose page this is.
        """
        self.resume()
        personal: Personal = g.setdefault("_topmail_looks", Personal())
        if visitor.refusal is not None:
            if visitor.refusal is Reason.CONSENT:
                self._withdraw(visitor, personal)
            return []
        if not visitor.shelves:
            personal.number = personal.number or self.visitors.new_number()
            return []
        newest: dict[str, float] = {}
        for look in self._seen_by(visitor):
            newest[look.product] = max(look.at, newest.get(look.product, 0.0))
        newest.pop(without or "", None)
        return self._products(sorted(newest, key=newest.__getitem__, reverse=True), limit)

    def also_viewed(self, product: str, limit: int) -> list[Any]:
        """What viewers of the product saw besides, the closest first.

        The same for every visitor, so it may stand in a cached page. Up to five minutes old.
        """
        self.resume()
        until, ids = self._companions.get(product, (0.0, ()))
        now = time.monotonic()
        if now >= until:
            ids = also_viewed(self.memory.seen_with(product))
            if len(self._companions) >= _ALSO_VIEWED_PRODUCTS:
                self._companions.clear()
            if ids:  # where there is nothing there is little to count, and it may come any moment
                self._companions[product] = (now + _ALSO_VIEWED_SECONDS, ids)
        return self._products(ids, limit)

    def remember(self, visitor: Visitor, product: str) -> None:
        """A visitor saw a product. It is handed on once the answer to this request is sent."""
        personal: Personal | None = g.get("_topmail_looks")
        number = personal.number if personal is not None else None
        shelf = visitor.shopper or visitor.browser or (number and self.visitors.numbered(number))
        if shelf and visitor.refusal is None:
            self.memory.add(Look(shelf, product, time.time()))

    def forget(self, shoppers: Sequence[Shopper]) -> int:
        """Erase the looks of these shoppers. Returns how many there were.

        :raises Exception: whatever the memory raises: some may be left.
        """
        return self.memory.forget([self.visitors.shopper(one) for one in shoppers])

    def leave_browser(self) -> None:
        """Let whoever uses this browser next begin with an empty list."""
        set_cookie = self._state.boundary.fence(self.visitors.set_cookie, None)

        @after_this_request
        def take_back(response: Response) -> Response:
            set_cookie(request, response, None)
            return response

    def finish(self, response: Response) -> None:
        """Let the final answer say whose it is, and give or take the cookie."""
        # The shopper has the page by then: a write that has to wait keeps nobody waiting.
        response.call_on_close(self.flush)
        personal: Personal | None = g.get("_topmail_looks")
        if personal is None:
            return
        response.vary.add("Cookie")
        said = response.cache_control
        if not (said.private or said.no_store):
            if said.public or said.s_maxage is not None:
                log.warning(
                    "A page with topmail_recently_viewed() said that it is public. It is sent as "
                    "private: use topmail_recently_viewed_fragment() on pages that are cached"
                )
            said.public, said.s_maxage, said.private = False, None, True
        if personal.takes_cookie_back or personal.number is not None:
            number = None if personal.takes_cookie_back else personal.number
            self.visitors.set_cookie(request, response, number)

    def _note(
        self, _app: Flask, *, view: ProductView, shopper: Shopper | None, **_told: object
    ) -> None:
        known = self.visitors.logged_in(request, shopper)
        visitor = Visitor(known, None if known else self.visitors.browser(request))
        self.remember(visitor, view.product.id)

    def _finish(self, _app: Flask, response: Response, **_told: object) -> None:
        if current_record().own is None:  # answers of ours come to finish() themselves
            self.finish(response)

    def _flush(self) -> None:
        memory = self.memory
        if not memory.flush():
            return
        self._flushes += 1
        file = memory.memory
        is_due = self._flushes % _FLUSHES_BETWEEN_CHECKS == 0
        if is_due and isinstance(file, LookFile) and file.is_unused:
            self.stop()
            file.remove()

    def _seen_by(self, visitor: Visitor) -> list[Look]:
        shelves = {shelf: self.memory.seen_by(shelf) for shelf in visitor.shelves}
        if visitor.shopper and visitor.browser and shelves[visitor.browser]:
            # What was seen before the log-in belongs to the shopper from now on.
            self.memory.move(shelves[visitor.browser], visitor.shopper)
        return [look for looks in shelves.values() for look in looks]

    def _withdraw(self, visitor: Visitor, personal: Personal) -> None:
        personal.takes_cookie_back = visitor.browser is not None
        seen = {shelf for shelf in visitor.shelves if self.memory.seen_by(shelf)}
        if seen:
            self.memory.drop(seen)

    def _products(self, ids: Sequence[str], limit: int) -> list[Any]:
        limit = max(0, min(int(limit), MOST))
        loader = self._state.hooks.products_by_id
        if loader is None or not ids or not limit:
            return list(ids[:limit])
        asked = list(ids[: limit + 6])  # some may not be sold any more
        try:
            found = self._app.ensure_sync(loader)(asked)
            by_text = _by_text(found)
        except Exception as error:  # noqa: BLE001  a shop's function may raise anything
            self._state.boundary.report(loader, error)
            return []
        return [by_text[one] for one in asked if by_text.get(one) is not None][:limit]


def _by_text(found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise TypeError("products_by_id must return a mapping of ids to products")
    return {str(known): product for known, product in found.items()}
