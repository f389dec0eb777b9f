"""The workspace in a JSON file: replaced whole, soon after a change and when the sandbox stops."""

import json
import os
import tempfile
import threading
from pathlib import Path

from topmail_flask.sandbox.records import Contact, Conversion, Flow, RecordedView
from topmail_flask.sandbox.workspace import Workspace

_PAUSE = 0.5


class StateFile:
    """Keeps a workspace's contacts, views, conversions and idempotency keys in ``path``.

    Calls that were refused are not kept. A thread saves at most twice a second, so a killed sandbox
    loses half a second.
    """

    def __init__(self, path: Path, workspace: Workspace) -> None:
        """Restore the workspace if the file is there.

        Raises :class:`ValueError` when the file holds something else, :class:`OSError` when its
        directory cannot be written.
        """
        self._path = path
        self._workspace = workspace
        self._saved = 0
        if path.exists():
            self._restore()
        self.save()

    def start(self) -> None:
        """Save from now on."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._keep_saving, name="topmail-sandbox-state", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Save once more and leave it."""
        self._stopped.set()
        self._thread.join()
        self.save()

    def save(self) -> None:
        """Write the file if there was a change since it was last written."""
        with self._workspace.changed:
            number = self._workspace.change_number
            if number == self._saved:
                return
            state = {
                "contacts": [vars(each) for each in self._workspace.contacts.values()],
                "views": [each.as_json() for each in self._workspace.views.values()],
                "conversions": [vars(each) for each in self._workspace.conversions.values()],
                "answers": self._workspace.answers.as_json(),
            }
        written, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(written, "w", encoding="utf-8") as file:
            json.dump({"version 1": state}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)
        self._saved = number

    def _restore(self) -> None:
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))["version 1"]
            names = RecordedView.__dataclass_fields__
            views = [{name: each[name] for name in names} for each in state["views"]]
            self._workspace.restore(
                [Contact(**{**each, "lists": tuple(each["lists"])}) for each in state["contacts"]],
                [
                    RecordedView(**{**each, "flows": tuple(Flow(**f) for f in each["flows"])})
                    for each in views
                ],
                [Conversion(**each) for each in state["conversions"]],
                state["answers"],
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path} is not a state file of this sandbox") from error

    def _keep_saving(self) -> None:
        while not self._stopped.wait(_PAUSE):
            self.save()
