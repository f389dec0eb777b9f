"""Server-sent events: what changed, rendered, to every page that is open."""

import json
import time
from collections.abc import Iterator

from flask import Response, request

from topmail_flask.sandbox.page import Page
from topmail_flask.sandbox.workspace import Change, Workspace

_HEARTBEAT = 15.0
_AT_ONCE = 200
_PACE = 0.05


class LiveEvents:
    """Turns changes of the workspace into events; each carries the number of its last change."""

    def __init__(self, workspace: Workspace, page: Page) -> None:
        """Watch ``workspace``, render with ``page``."""
        self._workspace = workspace
        self._page = page

    def stream(self) -> Response:
        """``GET /_sandbox/events``: from ``?since=`` or ``Last-Event-ID`` on, else from now."""
        given = request.headers.get("Last-Event-ID") or request.args.get("since", "")
        since = int(given) if given.isdigit() else self._workspace.change_number
        return Response(self._events(since), mimetype="text/event-stream")

    def _events(self, since: int) -> Iterator[bytes]:
        yield b": connected\n\n"
        while True:
            with self._workspace.changed:
                if self._workspace.change_number == since:
                    self._workspace.changed.wait(_HEARTBEAT)
                newest = self._workspace.change_number
                missed = newest - since
                changes = [each for each in self._workspace.changes if each[0] > since]
            if not missed:
                yield b": still here\n\n"
                continue
            yield self._event(newest, changes, complete=missed == len(changes))
            since = newest
            time.sleep(_PACE)  # a burst of calls is few events of many rows

    def _event(self, number: int, changes: list[Change], *, complete: bool) -> bytes:
        """Return one event; ``reload`` where there is more to say than fragments can."""
        distinct = list(dict.fromkeys((what, identity) for _, what, identity in changes))
        if not complete or ("reset", None) in distinct:
            return f"id: {number}\nevent: reload\ndata: {{}}\n\n".encode()
        update = json.dumps(self._page.update(distinct[-_AT_ONCE:]))
        return f"id: {number}\nevent: update\ndata: {update}\n\n".encode()
