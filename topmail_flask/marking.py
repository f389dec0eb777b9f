"""``@product_page``: sets a mark on a view function and wraps nothing."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType
from typing import Any, TypeVar, overload

View = TypeVar("View", bound=Callable[..., Any])
Loader = Callable[..., object]
_MARK = "__topmail_product_page__"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the product of a marked route comes from.

    :ivar variable: name of the template variable; None: ``product``, ``item``, the configured ones.
    :ivar loader: callable that makes the product of the view arguments.
    :ivar fields: where the product's fields are: ``{"name": "title"}``, ``{"id": 0}`` ...
    """

    variable: str | None = None
    loader: Loader | None = None
    fields: Mapping[str, object] | None = None


# To a type checker a view and a loader look alike, so both give "some callable".
@overload
def product_page(
    source: Callable[..., Any], /, *, fields: Mapping[str, object] | None = None
) -> Callable[..., Any]: ...
@overload
def product_page(
    source: str | None = None, /, *, fields: Mapping[str, object] | None = None
) -> Callable[[View], View]: ...
def product_page(
    source: Any = None, /, *, fields: Mapping[str, object] | None = None
) -> Callable[..., Any]:
    """Mark a view function (or a class-based view) as the page of one product.

    The view itself is returned: its name, signature, endpoint and speed stay as they are, and it
    does not matter whether the mark stands above or below ``@app.get``.

    .. code-block:: python

        @product_page  # the product is the template variable `product` or `item`
        @product_page("shoe")  # ... or `shoe`
        @product_page("row", fields={"id": 0, "name": 1, "price": 2})
        @product_page(load_product)  # ... or what this makes of the view arguments

    :param source: the name of the template variable, or a callable that takes the view's arguments
        (those that it names; also ``response``, the final answer, if it names that) and returns
        the product: a :class:`~topmail_flask.Product`, a mapping, or an object with ``id`` and
        ``name``. The callable suits cached views, whose template does not run, and JSON
        endpoints. It runs inside the request, after the view, and is no ``async def``: that is
        taken for a view.
    :param fields: for odd objects: maps a field of :class:`~topmail_flask.Product` to an attribute
        or key, an index, a dotted path, or a callable that takes the object.
    """
    if source is None or isinstance(source, str):
        return _marker(Mark(variable=source, fields=fields))
    if not callable(source):
        raise TypeError("product_page takes the name of a template variable or a callable")
    if fields is None and (
        isinstance(source, type)
        or (isinstance(source, FunctionType) and _is_being_decorated(source, sys._getframe(1)))  # noqa: SLF001
    ):
        return _marker(Mark())(source)
    return _view_or_loader(source, fields)


def mark_of(view: Callable[..., Any] | None, method: str = "GET") -> Mark | None:
    """The mark of a registered view function, of its class, or of the class's method."""
    if view is None:
        return None
    mark = getattr(view, _MARK, None)
    if mark is None:
        view_class = getattr(view, "view_class", None)
        if view_class is not None:
            mark = getattr(view_class, _MARK, None) or getattr(
                getattr(view_class, method.lower(), None), _MARK, None
            )
    return mark if isinstance(mark, Mark) else None


def call_loader(loader: Loader, view_args: Mapping[str, Any], response: object) -> Any:
    """Call ``loader`` with those view arguments that it names, and the response if it names that.

    One that names none of them, like ``shelf.get``, gets the only view argument by position.
    """
    try:
        parameters = inspect.signature(loader).parameters.values()
    except ValueError:  # some built-in functions do not tell
        parameters = {}.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return loader(**view_args)
    known = {**view_args, "response": response}
    by_name = [
        parameter for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY
    ]
    named = {
        parameter.name: known[parameter.name] for parameter in by_name if parameter.name in known
    }
    if not named and len(view_args) == 1 and (parameters or not by_name):
        return loader(*view_args.values())
    return loader(**named)


def _marker(mark: Mark) -> Callable[[View], View]:
    def set_mark(view: View) -> View:
        setattr(view, _MARK, mark)
        return view

    return set_mark


def _is_being_decorated(function: FunctionType, frame: FrameType) -> bool:
    """Whether ``function`` is a view under ``@product_page``, not a loader handed to it.

    Both are plain functions. A view is only now being defined: its code belongs to the frame that
    decorates it, and no name there holds the function yet.
    """
    if inspect.iscoroutinefunction(function):
        return True  # a loader is called without an event loop
    code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
    if function.__name__ == "<lambda>" or code not in frame.f_code.co_consts:
        return False
    return all(value is not function for value in frame.f_locals.values())


def _view_or_loader(
    function: Callable[..., Any], fields: Mapping[str, object] | None
) -> Callable[..., Any]:
    """For what is made already: ``product_page(view)`` or ``@product_page(loader)``.

    Flask calls views with keyword arguments only, so one positional function means the second.
    """

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and callable(args[0]):
            return _marker(Mark(loader=function, fields=fields))(args[0])
        return function(*args, **kwargs)

    return _marker(Mark(fields=fields))(either)
