"""``flask topmail routes``: what would happen on every route."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext
from werkzeug.routing import Rule

from topmail_flask.cli.terminal import as_json_option, say
from topmail_flask.core import core_of
from topmail_flask.extraction.attributes import VARIABLES
from topmail_flask.extraction.page_purpose import doubt_about
from topmail_flask.marking import Mark, mark_of
from topmail_flask.model.reasons import Reason
from topmail_flask.page_reader import part_of
from topmail_flask.routes import BLUEPRINT

_COLUMNS = ("route", "endpoint", "views")
_RENDERERS = {
    "render_template",
    "render_template_string",
    "stream_template",
    "stream_template_string",
}


@click.command("routes")
@as_json_option
@with_appcontext
def routes_command(as_json: bool) -> None:
    """List every route with what would happen there: marked, by template, or never."""
    found = list(routes(core_of(None).app))
    widths = [max(len(row[column]) for row in found) for column in (0, 1)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in found]
    report = [dict(zip(_COLUMNS, row, strict=True)) for row in found]
    say(report, "\n".join(lines), as_json=as_json)


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Each rule of the app, its endpoint, and how a product of it would be found."""
    names = (*VARIABLES, *core_of(app).settings.template_variables)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions.get(rule.endpoint)
        if rule.endpoint.startswith(f"{BLUEPRINT}."):
            continue
        if view is None or "GET" not in (rule.methods or ()):
            yield rule.rule, rule.endpoint, "never: no GET"
        elif rule.endpoint.rpartition(".")[2] == "static":
            yield rule.rule, rule.endpoint, "never: files"
        else:
            yield rule.rule, rule.endpoint, _what(view, names, rule, app)


def _what(view: Callable[..., Any], names: tuple[str, ...], rule: Rule, app: Flask) -> str:
    mark = mark_of(view)
    if mark is not None:
        return f"marked: {_source(mark)}"
    handed_over = _template_variables(view)
    found = next((name for name in names if name in handed_over), None)
    doubt = doubt_about(rule.rule, rule.endpoint)
    if found and doubt.reason is not None:
        if not doubt.needs_sign:
            return _never(found, doubt.reason, doubt.word)
        return f"by template: {found}, unless it is a listing or a form (warning: {doubt.word})"
    above = part_of(rule.rule, rule.endpoint, app) if found else None
    if found and above is not None:
        return _never(found, Reason.BACK_OFFICE, f"below {above}")
    if found:
        return f"by template: {found}"
    if "**" in handed_over:
        return f"by template, if it is handed {' or '.join(names)}; else by structured data"
    return "by structured data only"


def _never(found: str, reason: Reason, word: str) -> str:
    return f"never by template: {found} ({reason}: {word}); mark it if it should"


def _source(mark: Mark) -> str:
    if mark.loader is not None:
        return f"{getattr(mark.loader, '__qualname__', type(mark.loader).__name__)}()"
    return mark.variable or "template variable"


def _template_variables(view: Callable[..., Any]) -> set[str]:
    """Names that the view's own source hands to a template; ``**`` for those that it unpacks."""
    view_class = getattr(view, "view_class", None)
    function = getattr(view_class, "get", view) if view_class else view
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, SyntaxError, TypeError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            if name in _RENDERERS:
                found |= {keyword.arg or "**" for keyword in node.keywords}
    return found
