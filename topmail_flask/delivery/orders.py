"""What a courier is told to do: by a pipe, because it holds the key."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from topmail_flask.domain.secret import Secret
from topmail_flask.domain.settings import Settings


def order(directory: Path, settings: Settings) -> bytes:
    """The settings that differ from the defaults, and the app's directory."""
    plain = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value != one.default and not callable(value):
            plain[one.name] = value.reveal() if isinstance(value, Secret) else value
    return json.dumps({"directory": str(directory.absolute()), "settings": plain}).encode()


def read_order(text: bytes) -> tuple[Path, Settings]:
    """What :func:`order` wrote."""
    told = json.loads(text)
    return Path(told["directory"]), Settings(**told["settings"])
