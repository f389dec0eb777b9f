"""What a courier is told to do: by a pipe, because it holds the key."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

from topmail_flask.delivery.client import version
from topmail_flask.model.settings import Secret, Settings


def order(directory: Path, settings: Settings) -> bytes:
    """The settings that differ from the defaults, the app's directory, and which code is meant:
    a courier of the code before an update is another one.
    """
    plain = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value != one.default and not callable(value):
            plain[one.name] = value.reveal() if isinstance(value, Secret) else value
    told = {"directory": str(directory.absolute()), "settings": plain, "code": _code()}
    return json.dumps(told).encode()


def read_order(text: bytes) -> tuple[Path, Settings]:
    """What :func:`order` wrote."""
    told = json.loads(text)
    return Path(told["directory"]), Settings(**told["settings"])


@cache
def _code() -> list[str]:
    installed = 0
    with suppress(OSError):
        installed = Path(__file__).parent.stat().st_mtime_ns
    return [version(), str(installed)]
