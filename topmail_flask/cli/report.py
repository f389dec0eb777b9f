"""``flask topmail report``: what a person who helps needs to know, and nothing else."""

from __future__ import annotations

import json
import os
import platform
import re
import time
import zipfile
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from topmail_flask.app import AppState, state_of
from topmail_flask.cli.doctor import as_plain, findings
from topmail_flask.cli.doctor_configuration import function_name, installed_versions
from topmail_flask.cli.doctor_store import Store
from topmail_flask.cli.routes import routes
from topmail_flask.cli.terminal import wrapped
from topmail_flask.core import Core
from topmail_flask.model.settings import PREFIX, Secret, Settings

_ADDRESS = re.compile(r"[^\s\"'<>/]+@[^\s\"'<>/]+")
_TO_WHOM = (
    "It holds no secret and nothing about a shopper or product. Read it, then send it to whoever "
    "helps you: your own developers; TopMail's support for what TopMail answered; for a fault of "
    "this package https://github.com/topmail-flask/topmail-flask/issues"
)
_PACKED = zipfile.ZIP_DEFLATED


@click.command("report", short_help="Write a support bundle without secrets or personal data.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The zip file to write. Default: topmail-report-TIME.zip, here.",
)
@with_appcontext
def report_command(output: Path | None) -> None:
    """Write a zip file of readable texts for whoever helps with a problem.

    It holds versions, settings, what the doctor found, counts of views, and the routes. It holds
    no key or password, no e-mail address, no contact, no product and no address of a product page.
    Read it before you send it.
    """
    now = time.time()
    path = output or Path(time.strftime("topmail-report-%Y%m%d-%H%M%S.zip", time.gmtime(now)))
    texts = {f"{name}.json": _text(part) for name, part in _parts(state_of(None)).items()}
    try:
        _write(path, texts)
    except FileExistsError:
        raise click.ClickException(f"{path} exists already: choose another --output") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(wrapped(f"{path}: {', '.join(texts)}"))
    click.echo(wrapped(_TO_WHOM))


def _parts(state: AppState) -> dict[str, Any]:
    store, core = Store(state), state.core
    try:
        found = [(name, replace(finding, details=())) for name, finding in findings(store)]
    finally:
        store.close()
    parts: dict[str, Any] = {
        "versions": {
            **installed_versions(),
            "system": f"{platform.system()} {platform.release()}",
        },
        "settings": settings_shown(core.settings),
        "hooks": _hooks(core),
        "doctor": as_plain(found),
        "routes": [
            {"route": rule, "endpoint": endpoint, "views": what}
            for rule, endpoint, what in routes(core.app)
        ],
    }
    if store.outbox is not None:  # else only the store's own processes know
        stats, health = store.delivery.stats(), core.health()
        parts["stats"] = {**asdict(stats), "balanced": stats.balanced}
        parts["health"] = asdict(health)
    return parts


def settings_shown(settings: Settings) -> dict[str, Any]:
    """The settings that the shop chose, by their names in the configuration, without secrets."""
    return {
        f"{PREFIX}{field.name.upper()}": _shown(field.name, value)
        for field in fields(settings)
        if (value := getattr(settings, field.name)) != field.default
    }


def _shown(name: str, value: object) -> object:
    if isinstance(value, Secret):
        return str(value) if name == "api_key" else "****"
    return f"{function_name(value)}()" if callable(value) else value


def _hooks(core: Core) -> dict[str, Any]:
    """What the shop registered, by the names of its functions."""
    hooks = core.hooks
    return {
        "shopper_loader": hooks.shopper_loader and function_name(hooks.shopper_loader),
        "consent": hooks.consent and function_name(hooks.consent),
        "product_adapter": [function_name(model) for model in hooks.adapters],
        "before_send": [function_name(hook) for hook in hooks.before_send],
        "exclude": [function_name(rule) for rule in hooks.exclude],
    }


def _text(part: object) -> str:
    """A part as readable JSON; the user's name in a path and any address are left out."""
    text = json.dumps(part, indent=2, ensure_ascii=False, default=str)
    return _ADDRESS.sub("<address>", text.replace(f"{Path.home()}/", "~/")) + "\n"


def _write(path: Path, texts: dict[str, str]) -> None:
    """Write a zip file that only its owner may read; an existing file is left alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", _PACKED) as bundle:
        for name, text in texts.items():
            bundle.writestr(name, text)
