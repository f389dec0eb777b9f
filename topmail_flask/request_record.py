"""What a request has told so far, before its answer is final."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response, g

from topmail_flask.model.decision import Decision, RenderedPage
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason

BEACON = b"data-topmail-token="
Context = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Unread:
    """A row whose attributes were expired when the shop named it: the page may load them yet."""

    value: object
    fields: Mapping[str, object] | None


@dataclass(slots=True)
class RequestRecord:
    """What one request told the extension before its answer was final; lives on ``flask.g``.

    :ivar declared: what the shop named by ``track`` or in a template, or why it is no product.
    :ivar contexts: name and context of each outermost template render.
    :ivar rows: what was read of rows of an ORM when their page was complete, by ``id()``: a commit
        after that would expire them.
    :ivar own: decides about a request for an address of our own, once its answer is final.
    :ivar has_beacon: whether the page was given a beacon in this request.
    """

    declared: list[Product | Reason | Unread] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    rows: dict[int, Product | InvalidValueError] = field(default_factory=dict)
    own: Callable[[Response], Decision] | None = None
    has_beacon: bool = False

    def may_show_copy(self, page: RenderedPage) -> bool:
        """Whether the visitor gets, or has, an older copy of the page with a beacon on it.

        Where a template ran, only a 304 leaves the browser with its own copy: the page of most
        stores is not searched.
        """
        if self.contexts:
            return self.has_beacon and page.status == 304
        return page.html is not None and BEACON in page.html


def current_record() -> RequestRecord:
    """The record of the current request, made when it is first asked for."""
    here = g._get_current_object()  # noqa: SLF001  each look through the proxy costs 1 us
    record: RequestRecord | None = here.get("_topmail")
    if record is None:
        record = here._topmail = RequestRecord()  # noqa: SLF001
    return record
