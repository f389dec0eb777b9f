"""The outbox for the commands that operate it, and long work shown as it goes on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask, current_app

from topmail_flask.core import Core, core_of
from topmail_flask.delivery.operating import Operator, OutboxUnavailable, Work


def app_core() -> Core:
    """What the extension keeps for the app that the command was called for."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return core_of(app)


@contextmanager
def outboxes() -> Iterator[list[Operator]]:
    """The app's outbox, and behind it those that former keys left on this machine.

    :raises click.ClickException: nothing is kept on disk, or it cannot be used; also while the
        block runs.
    """
    core = app_core()
    if core.settings.api_key is None:
        raise click.ClickException("Set TOPMAIL_API_KEY: every key has an outbox of its own.")
    if core.settings.outbox == ":memory:":
        raise click.ClickException(
            "TOPMAIL_OUTBOX is :memory:. Only the store's own processes know what waits: "
            "ask topmail.stats() and topmail.health() there."
        )
    operators = core.delivery.operators()
    try:
        for operator in operators:
            operator.check()
        yield operators
    except OutboxUnavailable as error:
        raise click.ClickException(str(error)) from None
    finally:
        for operator in operators:
            operator.close()


@contextmanager
def outbox() -> Iterator[Operator]:
    """The app's outbox; see :func:`outboxes`."""
    with outboxes() as operators:
        yield operators[0]


def done(work: Work, label: str, *, quiet: bool) -> Counter[str]:
    """Does the work, with a progress bar on a terminal. Returns what became of how many.

    :param quiet: whether the output is for programs.
    """
    total: Counter[str] = Counter()
    if quiet or not sys.stderr.isatty():
        for ends in work.steps:
            total += ends
    else:
        with click.progressbar(length=work.total, label=label, file=sys.stderr) as bar:
            for ends in work.steps:
                total += ends
                bar.update(ends[""])
    del total[""]
    return total
