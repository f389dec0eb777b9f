"""Which versions run together."""

from __future__ import annotations

import platform
import re
from importlib import metadata

from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.store import Store
from topmail_flask.rules.robots import LIST_UNREADABLE, list_is_read

SHOWN = ("topmail-flask", "flask", "werkzeug", "requests", "blinker")


def versions(store: Store) -> Finding:  # noqa: ARG001  # a check's signature
    """Python, this package, and what it stands on; none older than it supports."""
    installed = installed_versions()
    too_old = [
        f"{name} {installed[name]} (at least {least})"
        for name, least in _least().items()
        if name in installed and _numbers(installed[name]) < _numbers(least)
    ]
    if too_old:
        return error(f"Too old: {', '.join(too_old)}.", "pip install --upgrade topmail-flask")
    if not list_is_read():
        what, _, cure = LIST_UNREADABLE.partition(". ")
        return warning(f"The list of robots (crawler-user-agents) cannot be read: {what}.", cure)
    return ok(", ".join(f"{name} {version}" for name, version in installed.items()) + ".")


def installed_versions() -> dict[str, str]:
    """Of Python and the packages that matter most."""
    found = {"python": platform.python_version()}
    for name in SHOWN:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def _least() -> dict[str, str]:
    """The lowest versions that this package supports, as its own metadata tells."""
    try:
        told = metadata.requires("topmail-flask") or []
    except metadata.PackageNotFoundError:
        return {}
    found = (re.match(r"([\w-]+)\s*>=\s*([\d.]+)\s*$", one) for one in told)
    return {match[1]: match[2] for match in found if match and match[1] in SHOWN}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
