"""``flask topmail doctor``: is everything as it should be, and if not, what to do?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from topmail_flask.app import state_of
from topmail_flask.cli import doctor_api as api
from topmail_flask.cli import doctor_configuration as configuration
from topmail_flask.cli import doctor_consent as consent
from topmail_flask.cli import doctor_pages as pages
from topmail_flask.cli import doctor_server as server
from topmail_flask.cli.doctor_store import Check, Finding, Level, Store, warning
from topmail_flask.cli.terminal import as_json_option, colour, count_of, wrapped

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
_LEVEL = 9
"""Columns of the word that says how bad it is."""


@click.command("doctor", short_help="Check everything, and say what to do.")
@click.option(
    "--sample", "named", multiple=True, metavar="PATH", help="A product page to look at; repeat it."
)
@click.option("--home", default="/", show_default=True, metavar="PATH", help="The home page.")
@as_json_option
@with_appcontext
def doctor_command(named: tuple[str, ...], home: str, as_json: bool) -> None:
    """Check key, network, clock, shoppers, consent, outbox, server and pages of this store.

    Writes nothing, neither here nor at TopMail: what the key may do is asked by calls that TopMail
    refuses for their empty content. Pages of the store are requested as by a visitor without
    cookies. Run it as the user and in the directory that the store's server has.

    Exits with 1 when there is an error, with 0 otherwise; a warning is no error.
    """
    store = Store(state_of(None), home=home, named=named)
    try:
        results = []
        for name, finding in findings(store):
            results.append((name, finding))
            if not (as_json or finding.what == api.NOT_ASKED):
                click.echo(_text(name, finding), color=colour())
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(as_plain(results), indent=2, ensure_ascii=False))
    else:
        click.echo(f"\n{_summary(results)}")
    if any(finding.level is Level.ERROR for _, finding in results):
        raise SystemExit(1)


def _summary(results: list[tuple[str, Finding]]) -> str:
    """How many of each, and at the end, where a terminal shows it, what to do first."""
    skipped = [name for name, finding in results if finding.what == api.NOT_ASKED]
    wrong = [each for each in results if each[1].level is Level.ERROR]
    count = Counter(finding.level for name, finding in results if name not in skipped)
    warnings = count_of(count[Level.WARNING], "warning")
    lines = [f"{count[Level.OK]} ok, {warnings}, {count_of(len(wrong), 'error')}"]
    lines += [f"Not asked, for what is wrong: {', '.join(skipped)}"] if skipped else []
    lines += [f"First: {name}. {finding.fix}" for name, finding in wrong[:1]]
    return "\n".join(wrapped(line, 7) for line in lines)


def as_plain(results: list[tuple[str, Finding]]) -> dict[str, object]:
    """All findings as plain values, for programs."""
    return {
        "ok": all(finding.level is not Level.ERROR for _, finding in results),
        "findings": [{"check": name, **asdict(finding)} for name, finding in results],
    }


def _text(name: str, finding: Finding) -> str:
    column = _LEVEL + max(len(name_of(check)) for check in CHECKS) + 2
    level = click.style(f"{finding.level.upper():<{_LEVEL}}", fg=_COLOURS[finding.level], bold=True)
    lines = [finding.what, *(f"- {detail}" for detail in finding.details)]
    if finding.fix:
        lines.append(f"-> {finding.fix}")
    text = f"\n{' ' * column}".join(wrapped(line, column) for line in lines)
    return f"{level}{name:<{column - _LEVEL}}{text}"


CHECKS: tuple[Check, ...] = (
    configuration.key,
    api.reach,
    api.access,
    api.tracking,
    api.purchases,
    api.contacts,
    api.automations,
    api.clock,
    configuration.shoppers,
    configuration.identify,
    consent.consent,
    configuration.site_url,
    configuration.currency,
    server.outbox,
    server.delivery,
    server.server,
    pages.cacheability,
    pages.compression,
    pages.routes,
    pages.pages,
    pages.prices,
    pages.ids,
    pages.errors,
    configuration.versions,
)


def name_of(check: Check) -> str:
    """What a check is called in the output."""
    return check.__name__.replace("_", " ")


def findings(store: Store) -> Iterator[tuple[str, Finding]]:
    """Each check's name and what it found, one after the other."""
    for check in CHECKS:
        try:
            found = check(store)
        except Exception as error:  # noqa: BLE001  the shop's own code may raise anything
            what = f"This could not be looked at: {type(error).__name__} was raised."
            found = warning(what, "Look at the page in a browser; the store's log says more.")
        yield name_of(check), found
