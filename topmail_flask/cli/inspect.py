"""``flask topmail inspect``: why a page counts, or does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext

from topmail_flask.app import state_of
from topmail_flask.cli.doctor_configuration import shoppers
from topmail_flask.cli.doctor_store import Finding, Level, Store, look
from topmail_flask.cli.terminal import as_json_option
from topmail_flask.core import Core
from topmail_flask.extraction.extract import extract
from topmail_flask.model.decision import Decision, Extraction, Trace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import PRODUCT_FIELDS
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

_NOBODY = "shopper@example.com"
_ASSUMED = "that a known shopper looks at it who agreed to be tracked; --as EMAIL asks as somebody"
_OF_THE_PRODUCT = (Reason.NO_PRODUCT, Reason.INCOMPLETE, Reason.INVALID_PRODUCT)


@click.command("inspect")
@click.argument("address", metavar="URL_OR_PATH", required=False)
@click.option("--as", "email", metavar="EMAIL", help="Look at the page as this shopper.")
@click.option("--html", "file", type=click.Path(exists=True, dir_okay=False), help="Read a file.")
@click.option("--url", metavar="URL", help="With --html: the address of the page.")
@as_json_option
@with_appcontext
def inspect_command(
    address: str | None, email: str | None, file: str | None, url: str | None, as_json: bool
) -> None:
    """Run a page through the app, send nothing, and say what would be sent and why."""
    state = state_of(None)
    core = state.core
    if bool(address) == bool(file) or bool(file) != bool(url):
        raise click.UsageError("give a URL or path of the store, or --html FILE with --url URL")
    if address:
        _refuse_foreign(address, core)
    try:
        shopper = Shopper(email) if email else None
        if file and url:
            page = extract(Path(file).read_bytes(), url, settings=core.settings)
            decision = _of_file(page, shopper)
        else:
            decision = look(core, str(address), shopper)
    except InvalidValueError as error:
        raise click.UsageError(str(error)) from None
    who = None if file else shoppers(Store(state))
    report = _report(decision, who, anybody=email is None)
    click.echo(json.dumps(report, indent=2, ensure_ascii=False) if as_json else _text(report))


def _refuse_foreign(address: str, core: Core) -> None:
    host = urlsplit(address).hostname
    own = [urlsplit(core.settings.site_url or "").hostname, core.app.config["SERVER_NAME"]]
    own = [name.partition(":")[0] for name in own if name]
    if host and own and host not in {*own, "localhost", "127.0.0.1"}:
        raise click.UsageError(
            f"{host} is not this store, which is {own[0]}: give a path such as /products/tea"
        )


def _of_file(page: Extraction, shopper: Shopper | None) -> Decision:
    if page.product is None:
        return Decision(reason=page.reason, extraction=page)
    if shopper is None:
        return Decision(product=page.product, reason=Reason.ANONYMOUS, extraction=page)
    return Decision((ProductView(page.product, shopper),), page.product, None, page)


def _report(decision: Decision, who: Finding | None, *, anybody: bool) -> dict[str, Any]:
    """The decision as plain values.

    :param who: what the doctor says of how the store knows its shoppers.
    Without a shopper the page is told as if somebody known had seen it: who sees it is not what a
    developer asks about first.
    """
    views = decision.views
    if not views and anybody and decision.reason is Reason.ANONYMOUS and decision.product:
        views = (ProductView(decision.product, Shopper(_NOBODY)),)
    trace = decision.extraction.trace if decision.extraction else None
    reason = None if views else decision.reason
    return {
        "decision": "view" if views else "none",
        "assumed": _ASSUMED if views and not decision.views else None,
        "shoppers": {"what": who.what, "fix": who.fix} if who and who.level != Level.OK else None,
        "reason": str(reason) if reason else None,
        "sentence": reason.sentence if reason else None,
        "fix": _fix(reason, trace) if reason else None,
        "fields": _fields(decision),
        "conflicts": [conflict._asdict() for conflict in trace.conflicts] if trace else [],
        "rejected": [rejection._asdict() for rejection in trace.rejected] if trace else [],
        "candidates": list(trace.candidates) if trace else [],
        "would_send": [json.loads(view.body_bytes()) for view in views],
    }


def _fix(reason: Reason, trace: Trace | None) -> str:
    """What to write: as the page's own fault says, else as such faults are repaired in general."""
    known = [rejected.fix for rejected in trace.rejected if rejected.fix] if trace else []
    return known[0] if known and reason in _OF_THE_PRODUCT else reason.fix


def _fields(decision: Decision) -> list[dict[str, str]]:
    product = decision.product
    if product is None:
        return []
    traced = decision.extraction.trace.fields if decision.extraction else ()
    origins = {field.field: {"source": field.source, "raw": field.raw} for field in traced}
    return [
        {
            "field": name,
            "value": str(value),
            **origins.get(name, {"source": "declared or template", "raw": str(value)}),
        }
        for name in PRODUCT_FIELDS
        if (value := getattr(product, name)) is not None
    ]


def _text(report: dict[str, Any]) -> str:
    lines = [f"decision: {report['decision']}"]
    lines += [f"assumed:  {report['assumed']}"] if report["assumed"] else []
    if report["shoppers"]:
        lines += [
            f"warning:  {report['shoppers']['what']}",
            f"fix:      {report['shoppers']['fix']}",
        ]
    if report["reason"]:
        lines += [f"reason:   {report['reason']}: {report['sentence']}"]
        lines += [f"fix:      {report['fix']}"] if report["fix"] else []
    if report["fields"]:
        width = max(len(row["source"]) for row in report["fields"])
        lines += ["", f"{'field':<12}{'source':<{width + 2}}value"]
        lines += [
            f"{row['field']:<12}{row['source']:<{width + 2}}{row['value']}"
            + (f"   (from {row['raw']!r})" if row["raw"] != row["value"] else "")
            for row in report["fields"]
        ]
    for conflict in report["conflicts"]:
        kept, other = f"{conflict['source']} {conflict['value']!r}", conflict["other_source"]
        lines.append(
            f"conflict: {conflict['field']}: {kept}, but {other} {conflict['other_value']!r}"
        )
    for rejection in report["rejected"]:
        lines.append(f"rejected: {rejection['what']}: {rejection['why']}")
        if rejection["fix"] and rejection["fix"] != report["fix"]:
            lines.append(f"fix:      {rejection['fix']}")
    lines += [f"candidate: {name}" for name in report["candidates"]]
    for body in report["would_send"]:
        lines += ["", "would send: " + json.dumps(body, indent=2, ensure_ascii=False)]
    return "\n".join(lines)
