"""What the stores of these tests have in common: how they are watched, and what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask


@dataclass
class Built:
    """A store as its developer wrote it, without the extension.

    :ivar shows: of each address of a product page what its view must say; ``None``: absent.
    :ivar quiet: addresses that are no views, each answered with 200.
    :ivar queries: what ran on the database, in order; flushes are writes among it.
    :ivar is_open: whether this thread holds a connection or session of the database.
    :ivar setting: the one line that the store needs, as configuration; empty: none at all.
    :ivar loads: pages whose mark has a loader: it asks the database once, for a shopper.
    :ivar close: closes the connections that the store's pool keeps.
    """

    app: Flask
    shows: dict[str, dict[str, Any]]
    quiet: tuple[str, ...]
    queries: list[str] = field(default_factory=list)
    is_open: Callable[[], bool] = lambda: False
    setting: dict[str, Any] = field(default_factory=dict)
    loads: tuple[str, ...] = ()
    close: Callable[[], object] = lambda: None
