"""Makes any function of the package raise, wherever it is referred to.

A function's code is exchanged, not a name for it: ``from x import f`` elsewhere, a receiver that a
signal holds and a closure that lives on are the same function.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import topmail_flask

PACKAGE = Path(topmail_flask.__file__).parent
NOT_IN_A_STORE = ("cli", "sandbox", "testing")
"""Rooms of the package that no request and no sender enters: commands and tools."""
EXTRAS = ("celery", "prometheus_client")
_PARTS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
"""Code of its own that raises with the function around it."""
_CACHE = type(lru_cache(lambda: None))


@dataclass(frozen=True)
class Point:
    """A function of the package."""

    code: CodeType
    parent: CodeType | None

    @property
    def name(self) -> str:
        file = Path(self.code.co_filename).relative_to(PACKAGE).with_suffix("")
        return f"{'.'.join(file.parts)}:{self.code.co_qualname}"


class Points:
    """All functions of the package that may run in a store, found once."""

    def __init__(self) -> None:
        for module in pkgutil.walk_packages([str(PACKAGE)], "topmail_flask."):
            if module.name.split(".")[1] not in NOT_IN_A_STORE:
                try:
                    importlib.import_module(module.name)
                except ImportError as error:
                    if (error.name or "").split(".")[0] not in EXTRAS:
                        raise
        self._functions: dict[CodeType, list[FunctionType]] = defaultdict(list)
        self._caches: dict[str, list[Any]] = defaultdict(list)
        for thing in gc.get_objects():
            if type(thing) is FunctionType and _is_ours(thing.__code__):
                self._functions[thing.__code__].append(thing)
            elif type(thing) is _CACHE:
                wrapped = getattr(thing, "__wrapped__", None)  # none yet: a thread is making it
                if type(wrapped) is FunctionType:
                    self._caches[wrapped.__code__.co_filename].append(thing)
        found: dict[CodeType, Point] = {}
        for code in list(self._functions):
            _collect(code, None, found)
        self.all = sorted(found.values(), key=lambda point: point.name)

    @contextmanager
    def raising(self, point: Point, trap: Callable[[], object]) -> Iterator[None]:
        """Have the function call ``trap`` instead of doing its work."""
        for cache in self._caches[point.code.co_filename]:
            cache.cache_clear()
        changed: list[tuple[FunctionType, CodeType]] = []
        sprung = _sprung(point.code, trap)
        pairs = [(point.code, sprung)]
        if point.parent is not None:
            constants = [
                sprung if constant is point.code else constant
                for constant in point.parent.co_consts
            ]
            pairs.append((point.parent, point.parent.replace(co_consts=tuple(constants))))
        try:
            for code, instead in pairs:
                for function in [*self._functions[code], *_newer_functions(code)]:
                    if function.__code__ is code:
                        changed.append((function, code))
                        function.__code__ = instead
            yield
        finally:
            for function, code in changed:
                function.__code__ = code


@contextmanager
def failing(function: Any) -> Iterator[None]:
    """The function raises, wherever it is called."""
    code = function.__code__
    function.__code__ = (lambda *_args, **_named: 1 / 0).__code__
    try:
        yield
    finally:
        function.__code__ = code


def _is_ours(code: CodeType) -> bool:
    file = Path(code.co_filename)
    return file.is_relative_to(PACKAGE) and file.relative_to(PACKAGE).parts[0] not in NOT_IN_A_STORE


def _collect(code: CodeType, parent: CodeType | None, found: dict[CodeType, Point]) -> None:
    if parent is not None or code not in found:
        found[code] = Point(code, parent)
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and (
            inner.co_name == "<lambda>" or "<" not in inner.co_name
        ):
            _collect(inner, code, found)


def _newer_functions(code: CodeType) -> list[FunctionType]:
    """Functions made since the last ``gc.freeze()``: closures of an app made for one test."""
    return [holder for holder in gc.get_referrers(code) if type(holder) is FunctionType]


def _sprung(code: CodeType, trap: Callable[[], object]) -> CodeType:
    free = ", ".join(code.co_freevars)
    is_generator = code.co_flags & inspect.CO_GENERATOR
    source = f"""
def around():
    {" = ".join(code.co_freevars) + " = None" if free else "pass"}
    def sprung(*args, **kwargs):
        if 0: ({free})
        trap = "the trap"
        {"yield trap()" if is_generator else "return trap()"}
    return sprung
"""
    made: dict[str, Any] = {}
    exec(compile(source, "<trap>", "exec"), made)
    sprung = made["around"]().__code__
    constants = tuple(trap if constant == "the trap" else constant for constant in sprung.co_consts)
    return sprung.replace(co_consts=constants, co_name=code.co_name)  # type: ignore[no-any-return]
