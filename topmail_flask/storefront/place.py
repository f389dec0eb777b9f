"""Where the file of looks is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from topmail_flask.delivery.place import app_directory

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState

NAME = "looks.sqlite3"


def look_path(state: AppState) -> Path | None:
    """The file of one app on this machine; None where nothing is kept on disk.

    Beside the outbox, but without the API key in its name: a new key is no reason to forget what
    people saw.
    """
    root = state.outbox_root
    if root is None:
        return None
    return app_directory(root, state.name, None, owner=state.owner) / NAME
