"""The sandbox's own side as a Flask application: its pages, their live events, JSON endpoints."""

import http.client
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from topmail_flask.sandbox.api import Api, ApiKey
from topmail_flask.sandbox.assumptions import FACTS, Assumptions
from topmail_flask.sandbox.contract import ApiError, Json, read_body
from topmail_flask.sandbox.contract import email as check_email
from topmail_flask.sandbox.faults import Faults
from topmail_flask.sandbox.feed import Feed
from topmail_flask.sandbox.records import ReceivedRequest, timestamp
from topmail_flask.sandbox.workspace import Change, Workspace

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEARTBEAT = 15.0
_AT_ONCE = 200
_PACE = 0.05
_RESEND_TIMEOUT = 10.0
_NOT_RESENT = {
    *("host", "content-length", "connection", "transfer-encoding", "expect", "x-sandbox-resent")
}
_TILES = (
    ("all", "requests", "Calls"),
    ("view", "views", "Views"),
    ("duplicate", "duplicates", "Duplicates"),
    ("conversion", "conversions", "Conversions"),
    ("automation", "automations", "Automations"),
    ("rejected", "rejected", "Rejected"),
    ("fault", "faults", "Faults"),
)
_NEXT_CALLS = (
    ("answers 500", 500),
    ("503", 503),
    ("429, wait 7 s", {"status": 429, "headers": {"Retry-After": "7"}}),
    ("401", 401),
    ("403", 403),
    ("404 contact", {"status": 404, "code": "contact_not_found"}),
    ("is reset", "reset"),
    ("is recorded, then reset", {"action": "reset", "recorded": True}),
    ("hangs", "hang"),
    ("drips", {"action": "drip", "interval_ms": 50}),
    ("is cut short", "truncate"),
    ("closes after", "close_after"),
)


class Pages:
    """The pages, and the parts of them that live events carry: the same templates make both."""

    def __init__(
        self, app: Flask, workspace: Workspace, api: Api, keys: Sequence[ApiKey], known: Assumptions
    ) -> None:
        self._workspace = workspace
        self._api = api
        self._templates = app.jinja_env
        self._templates.filters.update(
            clock=_clock, money=_money, seconds=_seconds, tail=_tail, timestamp=timestamp
        )
        self._templates.globals.update(
            find_contact=workspace.find_contact,
            tiles=_TILES,
            next_calls=_NEXT_CALLS,
            keys=keys,
            facts=FACTS,
            assumptions=known,
            secrets={key.secret for key in keys},
        )
        app.add_url_rule("/", view_func=self.feed)
        app.add_url_rule("/contacts/<contact_id>", view_func=self.contact)
        app.add_url_rule("/calls/<int:number>", view_func=self.call)
        app.add_url_rule("/facts", view_func=self.facts)
        app.add_url_rule("/_sandbox/feed", view_func=self.feed_as_json)
        app.add_url_rule("/_sandbox/events", view_func=self.events)

    def feed(self) -> str:
        """``GET /``: every call, filtered by ``?q=`` and ``?show=``, from ``?before=`` on."""
        return self._feed_page(Feed.of(self._workspace, request.args))

    def contact(self, contact_id: str) -> str:
        """``GET /contacts/:id`` or ``/contacts/:email``: a contact, and every call about it."""
        feed = Feed.of(self._workspace, {**request.args, "contact": contact_id})
        if feed.contact is None:
            abort(404, "There is no such contact, or not any more.")
        return self._feed_page(feed)

    def _feed_page(self, feed: Feed) -> str:
        with self._workspace.changed:
            entries, total, older = feed.page()
            return render_template(
                "page.html",
                feed=feed,
                entries=entries,
                total=total,
                older=older,
                arguments=_arguments(feed),
                contacts=list(reversed(self._workspace.contacts.values()))[:200],
                automations=list(self._workspace.automations.values()),
                change_number=self._workspace.change_number,
                faults=self._api.faults,
                counters=self._counters(),
                url=_own_url(),
            )

    def call(self, number: int) -> str:
        """``GET /calls/:number``: one call with everything that is known of it."""
        with self._workspace.changed:
            entry = Feed(self._workspace).entry(number)
            if entry is None:
                abort(404, "There is no such call, or not any more.")
            return render_template("call.html", entry=entry, url=_own_url(), opened=True)

    def facts(self) -> str:
        """``GET /facts``: what TopMail says, shows, and what this sandbox guesses."""
        return render_template("facts.html")

    def feed_as_json(self) -> ResponseReturnValue:
        """``GET /_sandbox/feed``: a page of rows, and where the next one begins."""
        with self._workspace.changed:
            feed = Feed.of(self._workspace, request.args)
            entries, total, older = feed.page()
            return jsonify(
                rows=[self._row(each, _own_url()) for each in entries],
                total=total,
                older=older,
                change_number=self._workspace.change_number,
            )

    def events(self) -> Response:
        """``GET /_sandbox/events``: changes from ``?since=`` or ``Last-Event-ID`` on, or from now.

        The feed's arguments say which rows the page shows.
        """
        given = request.headers.get("Last-Event-ID") or request.args.get("since", "")
        since = int(given) if given.isdigit() else self._workspace.change_number
        feed = Feed.of(self._workspace, request.args)
        return Response(self._stream(since, feed, _own_url()), mimetype="text/event-stream")

    def _stream(self, since: int, feed: Feed, url: str) -> Iterator[bytes]:
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
            yield self._event(newest, changes, feed, url, complete=missed == len(changes))
            since = newest
            time.sleep(_PACE)  # a burst of calls is few events of many rows

    def _event(
        self, number: int, changes: list[Change], feed: Feed, url: str, *, complete: bool
    ) -> bytes:
        """Return one event; ``reload`` where there is more to say than parts of a page can."""
        distinct = list(dict.fromkeys((what, identity) for _, what, identity in changes))
        if not complete or ("reset", None) in distinct:
            return f"id: {number}\nevent: reload\ndata: {{}}\n\n".encode()
        with self._workspace.changed:
            parts = [self._part(*change, feed, url) for change in distinct[-_AT_ONCE:]]
            fragments = list(filter(None, parts))
            update = json.dumps({"counters": self._counters(), "fragments": fragments})
        return f"id: {number}\nevent: update\ndata: {update}\n\n".encode()

    def _part(self, what: str, identity: Any, feed: Feed, url: str) -> Json | None:
        if what == "contact":
            contact = self._workspace.contacts.get(identity)
            html = self._render("contact.html", contact=contact) if contact else ""
            return {"list": "contacts", "id": f"contact-{identity}", "html": html}
        if what == "faults":
            html = self._render("faults.html", faults=self._api.faults)
            return {"list": "faults-in-force", "id": "faults-now", "html": html}
        entry = feed.entry(identity) if what == "call" else None
        fits = entry is not None and entry.fits(feed.query, feed.show, feed.contact)
        return {"list": "feed", **self._row(entry, url)} if fits else None

    def _row(self, entry: Any, url: str) -> Json:
        html = self._render("entry.html", entry=entry, url=url)
        return {"id": f"call-{entry.number}", "html": html}

    def _counters(self) -> dict[str, int]:
        counters = {name: self._workspace.counters[name] for _, name, _ in _TILES}
        return {**counters, "contacts": len(self._workspace.contacts)}

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values)


class Control:
    """``/_sandbox/…``: what tests, and the page itself, read and steer as JSON.

    Each ``POST`` must be ``application/json``. That keeps other sites' pages out: a browser asks
    before it sends JSON across origins.
    """

    def __init__(self, workspace: Workspace, api: Api) -> None:
        self._workspace = workspace
        self._api = api

    def blueprint(self) -> Blueprint:
        """Return the endpoints."""
        control = Blueprint("control", __name__, url_prefix="/_sandbox")
        control.add_url_rule("/state", view_func=self.state)
        control.add_url_rule("/export", view_func=self.export)
        for name in ("views", "rejected", "contacts", "faults"):
            control.add_url_rule(f"/{name}", f"show_{name}", self.state, defaults={"name": name})
        control.add_url_rule("/contacts", view_func=self.add_contacts, methods=["POST"])
        control.add_url_rule("/faults", view_func=self.inject_faults, methods=["POST"])
        control.add_url_rule("/reset", view_func=self.reset, methods=["POST"])
        control.add_url_rule("/calls/<int:number>/resend", view_func=self.resend, methods=["POST"])
        control.register_error_handler(ApiError, lambda error: _wrong(error.message))
        return control

    def state(self, name: str | None = None) -> ResponseReturnValue:
        """``GET``: everything, or one part of it."""
        workspace = self._workspace
        with workspace.changed:
            requests = list(workspace.requests.values())
            state = {
                "counters": dict(workspace.counters),
                **workspace.as_json(),
                "rejected": [each.as_json() for each in requests if each.rejected],
                "requests": [each.as_json() for each in requests],
                "faults": self._api.faults.as_json(),
            }
        return jsonify(state if name is None else state[name])

    def export(self) -> ResponseReturnValue:
        """``GET``: the calls that a feed shows, oldest first, as a file."""
        with self._workspace.changed:
            feed = Feed.of(self._workspace, request.args)
            calls = [each.as_json() for each in feed.entries()]
        response = jsonify(calls[::-1])
        response.headers["Content-Disposition"] = 'attachment; filename="topmail-sandbox.json"'
        return response

    def add_contacts(self) -> ResponseReturnValue:
        """``POST {"emails": […]}``: add those that are no contacts yet."""
        emails = _body().get("emails")
        if not isinstance(emails, list) or any(check_email(each) for each in emails):
            return _wrong('send {"emails": ["shopper@example.com", …]}')
        with self._workspace.changed:
            for each in emails:
                if self._workspace.find_contact(each) is None:
                    self._workspace.add_contact(each)
        return self.state("contacts")

    def inject_faults(self) -> ResponseReturnValue:
        """``POST``: the fields of :class:`Faults`; those before are gone."""
        try:
            self._api.inject(Faults.read(_body()))
        except ValueError as error:
            return _wrong(str(error))
        return self.state("faults")

    def reset(self) -> ResponseReturnValue:
        """``POST {"keep_contacts": true}``: forget all calls and faults."""
        keep_contacts = _body().get("keep_contacts") is True
        self._api.inject(Faults())
        self._workspace.clear(keep_contacts=keep_contacts)
        return jsonify(reset=True)

    def resend(self, number: int) -> ResponseReturnValue:
        """``POST {"new_key": true}``: make a call again, as it came or with a new key."""
        new_key = _body().get("new_key") is True
        with self._workspace.changed:
            call = self._workspace.requests.get(number)
        if call is None:
            return _wrong("There is no such call, or not any more.")
        try:
            return jsonify(status=_resend(call, new_key=new_key))
        except OSError as error:
            return jsonify(status=None, failure=type(error).__name__)


def create_website(
    workspace: Workspace, api: Api, keys: Sequence[ApiKey], assumptions: Assumptions
) -> Flask:
    """Return the application for everything outside ``/api/v1``."""
    app = Flask(__name__, static_url_path="/_sandbox/static")
    Pages(app, workspace, api, keys, assumptions)
    app.register_blueprint(Control(workspace, api).blueprint())

    @app.errorhandler(404)
    def not_found(error: NotFound) -> ResponseReturnValue:
        reason = error.description or ""
        return render_template("missing.html", reason=reason, url=_own_url()), 404

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def _resend(call: ReceivedRequest, *, new_key: bool) -> int:
    """Make a call again to this server and return the status; raise :class:`OSError`."""
    address, port = request.environ["werkzeug.socket"].getsockname()[:2]
    client = http.client.HTTPConnection(address, port, timeout=_RESEND_TIMEOUT)
    path = "/api/v1" + quote(call.path) + (f"?{call.query}" if call.query else "")
    try:
        client.putrequest(call.method, path, skip_host=True, skip_accept_encoding=True)
        client.putheader("Host", request.host)
        for name, value in call.headers:
            fresh = new_key and name.lower() == "idempotency-key"
            if name.lower() not in _NOT_RESENT:
                client.putheader(name, str(uuid.uuid4()) if fresh else value.encode("latin-1"))
        client.putheader("X-Sandbox-Resent", str(call.number))
        client.putheader("Content-Length", str(len(call.body)))
        client.endheaders(call.body)
        return client.getresponse().status
    except http.client.HTTPException as error:
        raise ConnectionError(*error.args) from error
    finally:
        client.close()


def _body() -> Json:
    """Return the request's JSON object; nothing at all counts as an empty one."""
    return read_body(request.get_data() or b"{}", request.headers.get("Content-Type", ""))


def _wrong(message: str) -> ResponseReturnValue:
    return jsonify(error={"message": message}), 400


def _own_url() -> str:
    return request.host_url.rstrip("/")


def _arguments(feed: Feed) -> str:
    """Return the query that asks for the same feed, from its beginning."""
    given = {
        "q": feed.query.strip(),
        "show": feed.show if feed.show != "all" else "",
        "contact": feed.contact.id if feed.contact else "",
    }
    return urlencode({name: value for name, value in given.items() if value})


def _clock(seconds: float) -> str:
    instant = datetime.fromtimestamp(seconds, UTC).astimezone()
    is_today = instant.date() == datetime.now().astimezone().date()
    return instant.strftime("%H:%M:%S" if is_today else "%d %b %H:%M")


def _money(price: float) -> str:
    return f"{price:,}" if isinstance(price, int) else f"{price:,.2f}"


def _tail(key: str) -> str:
    return key if len(key) <= 10 else f"…{key[-8:]}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
