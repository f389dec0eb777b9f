"""The embeddable sandbox: a local TopMail for a test or a command."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from topmail_flask.sandbox.api import DEFAULT_KEYS, FULL_ACCESS, Api, ApiKey
from topmail_flask.sandbox.assumptions import Assumptions
from topmail_flask.sandbox.contract import Json
from topmail_flask.sandbox.faults import FaultInjector, Faults
from topmail_flask.sandbox.records import Automation, ReceivedRequest
from topmail_flask.sandbox.server import HostCheck, SandboxServer, is_wildcard
from topmail_flask.sandbox.website import create_website
from topmail_flask.sandbox.workspace import StateFile, Workspace


@dataclass(frozen=True, kw_only=True)
class Options:
    """What few sandboxes need.

    ``keep`` bounds how many views, conversions, runs and requests are remembered, each.
    ``automations`` are the ids of those that exist; None: any that a call triggers. ``allow_hosts``
    are more host names to answer for. ``clock`` (seconds since the epoch) and ``dice`` are for
    tests of time and chance.
    """

    keep: int = 100_000
    automations: Sequence[str] | None = None
    allow_hosts: Sequence[str] = ()
    clock: Callable[[], float] = time.time
    dice: random.Random | None = None


class Sandbox:
    """A local TopMail on real HTTP; as a context manager it serves while the block runs.

    ::

        with Sandbox(contacts=["shopper@example.com"]) as sandbox:
            client = TopMailClient(api_key=sandbox.api_key, base_url=sandbox.base_url)
            ...
            [view] = sandbox.wait_for_views(1)

    ``port`` 0 takes a free one and keeps it over :meth:`stop` and :meth:`start`. ``keys`` are the
    API keys that are let in, the first of them is ``api_key``. ``state`` names a file that survives
    a restart. ``assumptions`` are the sandbox's answers where TopMail's pages are silent.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        contacts: Iterable[str] = (),
        keys: Sequence[ApiKey] = DEFAULT_KEYS,
        state: str | Path | None = None,
        assumptions: Assumptions | None = None,
        options: Options | None = None,
    ) -> None:
        """Prepare; nothing listens before :meth:`start`.

        Raises :class:`ValueError` when ``state`` names a file of something else.
        """
        options, assumptions = options or Options(), assumptions or Assumptions()
        permission = assumptions.tracking_permission
        keys = [
            replace(key, permissions=key.permissions | {permission}) if key is FULL_ACCESS else key
            for key in keys
        ]
        self._host = host
        self._port = port
        self._workspace = Workspace(
            contacts=contacts,
            automations=options.automations,
            keep=options.keep,
            clock=options.clock,
        )
        self._injector = FaultInjector(options.dice or random.Random())  # noqa: S311 (chance, not secrecy)
        self._api = Api(self._workspace, self._injector, keys, assumptions)
        self._state = None if state is None else StateFile(Path(state), self._workspace)
        self._server: SandboxServer | None = None
        website = create_website(self._workspace, self._api, keys, assumptions)
        app = DispatcherMiddleware(website, {"/api/v1": self._api})
        self._app = HostCheck(app, host, options.allow_hosts)
        self.api_key = keys[0].secret

    def start(self) -> None:
        """Listen and serve in threads; raise :class:`OSError` when the port is taken.

        A sandbox that runs already is left as it is.
        """
        if self.running:
            return
        self._server = SandboxServer(self._host, self._port, self._app)
        self._port = self._server.port
        if self._state is not None:
            self._state.start()

    def stop(self) -> None:
        """Refuse connections, cut the open ones, save the state; :meth:`start` serves again."""
        if self._server is None:
            return
        self._injector.release()
        self._server.stop()
        self._server = None
        self._workspace.note("stopped")  # wakes the event streams, which find their pages gone
        if self._state is not None:
            self._state.stop()

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the sandbox listens."""
        return self._server is not None

    @property
    def url(self) -> str:
        """The address of the web page for this machine, without a slash at its end."""
        host = self._host
        if is_wildcard(host):
            host = "::1" if ":" in host else "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The address of the API, for ``TOPMAIL_BASE_URL``."""
        return f"{self.url}/api/v1"

    @property
    def port(self) -> int:
        """The TCP port; 0 as long as none was chosen."""
        return self._port

    @property
    def views(self) -> list[Json]:
        """The accepted product views, oldest first, as ``RecordedView`` has them."""
        return self._workspace.as_json()["views"]

    @property
    def contacts(self) -> list[Json]:
        """The contacts of the workspace."""
        return self._workspace.as_json()["contacts"]

    @property
    def conversions(self) -> list[Json]:
        """The accepted conversions, oldest first."""
        return self._workspace.as_json()["conversions"]

    @property
    def automation_runs(self) -> list[Json]:
        """The automations that calls have started, oldest first."""
        return self._workspace.as_json()["automation_runs"]

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request on ``/api/v1``, oldest first, those that met a fault included."""
        with self._workspace.changed:
            return list(self._workspace.requests.values())

    @property
    def rejected(self) -> list[ReceivedRequest]:
        """The requests that were refused for what they are; faults are not among them."""
        return [request for request in self.requests if request.rejected]

    def add_contact(self, email: str, **fields: Any) -> str:
        """Add a contact and return its id; ``fields`` are those of a contact."""
        return self._workspace.add_contact(email, **fields).id

    def add_automation(self, automation_id: str, name: str | None = None) -> str:
        """Add an automation and return its id; from then on an unknown one is answered 404."""
        with self._workspace.changed:
            added = Automation(automation_id, name or automation_id)
            self._workspace.automations[automation_id] = added
            self._workspace.knows_any_automation = False
            return automation_id

    def inject_faults(self, **faults: Any) -> None:
        """Set faults (fields of ``Faults``) in the place of those before; without any, clear.

        Raises :class:`ValueError` for faults that make no sense.
        """
        self._api.inject(Faults.read(faults))

    def reset(self, *, keep_contacts: bool = False) -> None:
        """Forget all calls and faults; the contacts become those of the start, or are kept."""
        self.inject_faults()
        self._workspace.clear(keep_contacts=keep_contacts)

    def wait_for_views(self, count: int, timeout: float = 5.0) -> list[Json]:
        """Return the views once there are ``count``.

        Raises :class:`TimeoutError`, saying what came instead, after ``timeout`` seconds.
        """
        self._wait("views", count, timeout)
        return self.views

    def wait_for_conversions(self, count: int, timeout: float = 5.0) -> list[Json]:
        """Return the conversions once there are ``count``; raises as :meth:`wait_for_views`."""
        self._wait("conversions", count, timeout)
        return self.conversions

    def wait_for_automation_runs(self, count: int, timeout: float = 5.0) -> list[Json]:
        """Return the automation runs once there are ``count``; raises as above."""
        self._wait("runs", count, timeout)
        return self.automation_runs

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> list[ReceivedRequest]:
        """Return the requests once ``count`` have come in, answered or not."""
        self._wait("requests", count, timeout)
        return self.requests

    def _wait(self, kind: str, count: int, timeout: float) -> None:
        changed = self._workspace.changed
        with changed:
            if changed.wait_for(lambda: len(getattr(self._workspace, kind)) >= count, timeout):
                return
            seen = [
                f"  {each.method} {each.path} -> {each.status} {each.fault or each.error or ''}"
                for each in self._workspace.requests.values()
            ]
            raise TimeoutError(
                f"waited {timeout} s for {count} {kind}; there are {len(self.views)} views "
                f"and {len(seen)} requests:\n" + "\n".join(seen[-20:])
            )
