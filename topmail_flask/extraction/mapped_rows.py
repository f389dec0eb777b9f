"""SQLAlchemy's objects, read without a query: what the page has shown is loaded.

An attribute that is not loaded would cost the shop a query each, flush what is pending, or raise
``DetachedInstanceError``; one that a property computes may do all of it inside.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class QueryRefusedError(Exception):
    """An attribute wanted to query the database."""


def are_mapped_at_all() -> bool:
    """Whether the shop uses SQLAlchemy's mapper."""
    return "sqlalchemy.orm" in sys.modules


def is_mapped(target: object) -> bool:
    """Whether it is an instance of a class that SQLAlchemy maps."""
    return "_sa_instance_state" in getattr(target, "__dict__", ())


def loaded_only(target: Any) -> Callable[[str], object]:
    """Reads attributes of ``target`` that are loaded, and properties as far as those suffice."""
    own: dict[str, object] = target.__dict__
    state: Any = own["_sa_instance_state"]

    def look(name: str) -> object:
        if name in own:
            return getattr(target, name)
        if not hasattr(type(target), name) or name in state.unloaded:
            return None
        return _without_queries(state.session, target, name)

    return look


def _without_queries(session: Any, target: object, name: str) -> object:
    event: Any = sys.modules.get("sqlalchemy.event")
    if session is None or event is None:
        return getattr(target, name, None)
    event.listen(session, "do_orm_execute", _refuse)
    try:
        with session.no_autoflush:
            return getattr(target, name, None)
    finally:
        event.remove(session, "do_orm_execute", _refuse)


def _refuse(_: object) -> None:
    raise QueryRefusedError
