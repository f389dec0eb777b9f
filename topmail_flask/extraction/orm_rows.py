"""Rows of object mappers, read without a query: only what the shop has loaded is there.

An attribute that is not loaded would cost the shop a query, open a connection behind its back,
flush what is pending, or raise because the session is over. So each mapper is asked for the values
that it holds, and a property runs only when all that it reads is loaded.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

REFUSED: Any = type("Refused", (), {"__repr__": lambda _: "REFUSED"})()
"""Stands for the value of an attribute that would have to be queried for."""
_DATABASES = frozenset(
    """sqlalchemy sqlmodel flask_sqlalchemy peewee playhouse mongoengine pymongo mongomock pony
    sqlite3 psycopg psycopg2 asyncpg pymysql MySQLdb mysql mariadb redis""".split()
)
# What only code that queries calls.
_QUERYING = frozenset(
    """execute executemany fetchone fetchall fetchmany cursor query select filter_by get_or_none
    get_or_404 first_or_404 find_one aggregate""".split()
)
_DEEPEST = 4
_MOST_CLASSES = 4096
_MISSING = object()


class QueryRefusedError(Exception):
    """An attribute wanted to query the database."""


class _Mapper(NamedTuple):
    """How the rows of one library are read.

    :ivar names: attributes of a class that the library fills.
    :ivar value: the loaded value of one of them, or :data:`REFUSED`.
    """

    names: Callable[[Any], frozenset[str]]
    value: Callable[[Any, str], object]


def is_mapped(target: Any) -> bool:
    """Whether it is a row of a known mapper."""
    return mapper_of(type(target)) is not None


_known: dict[type, _Mapper | None] = {}


def mapper_of(cls: type) -> _Mapper | None:
    """The mapper whose rows are of this class."""
    if cls not in _known:
        if len(_known) >= _MOST_CLASSES:
            _known.clear()
        bases = (_MAPPERS.get((base.__module__, base.__name__)) for base in cls.__mro__)
        found = next(filter(None, bases), None)
        _known[cls] = found or (_SQLALCHEMY if hasattr(cls, "_sa_class_manager") else None)
    return _known[cls]


def loaded_only(target: Any, mapper: _Mapper) -> Callable[[str], object]:
    """Reads attributes of ``target`` that are loaded, and properties as far as those suffice."""
    cls: Any = type(target)
    names = mapper.names(cls)

    def read(name: str) -> object:
        if name in names:
            return mapper.value(target, name)
        own = target.__dict__
        if name in own:
            return own[name]
        found = class_attribute(cls, name)
        if found is _MISSING:
            return None
        if not hasattr(type(found), "__get__"):
            return found
        if not may_compute(target, name, mapper):
            return REFUSED
        with _no_queries(target, mapper):
            return getattr(target, name)

    return read


def unflushed(target: Any) -> AbstractContextManager[object]:
    """Lets the shop's code query about a row, without writing what is pending in its session."""
    if mapper_of(type(target)) is _SQLALCHEMY:
        session = target.__dict__["_sa_instance_state"].session
        if session is not None:
            no_autoflush: AbstractContextManager[object] = session.no_autoflush
            return no_autoflush
    return nullcontext()


def closed_databases() -> list[Any]:
    """Peewee's databases that are closed now. What the shop's code opens behind a store that
    has closed them, nobody else would close, and the next page's own connecting would fail.
    """
    return [database for database in _peewee_databases() if database.is_closed()]


def close_again(databases: list[Any]) -> None:
    """Closes those of them that were opened since."""
    for database in databases:
        if not database.is_closed():
            with suppress(Exception):  # a transaction may be open in it
                database.close()


def _peewee_databases() -> set[Any]:
    """The databases of all models; one that stands for a database to be named later is left out."""
    models: list[Any] = [sys.modules["peewee"].Model]
    for model in models:
        models += model.__subclasses__()
    databases = (getattr(model, "_meta", None) for model in models)
    found = {getattr(meta, "database", None) for meta in databases}
    return {getattr(database, "obj", database) for database in found} - {None}


def printed(value: Any) -> str:
    """``str()`` of an object; empty for a row that its own class does not say how to write."""
    mapper = mapper_of(type(value))
    if mapper is None and not hasattr(type(value), "__pydantic_fields__"):
        return str(value)
    author = next(base for base in type(value).__mro__ if "__str__" in base.__dict__).__module__
    is_own = not author.startswith("pydantic") and not _is_library(author)
    if not is_own or not may_compute(value, "__str__", mapper):
        return ""
    with _no_queries(value, mapper):
        return str(value)


def class_attribute(cls: type, name: str) -> object:
    """What a class holds under a name, without the descriptor's doing anything."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return _MISSING


def may_compute(target: Any, name: str, mapper: _Mapper | None) -> bool:
    """Whether a property can be asked: it queries nothing, and what it reads is loaded."""
    cls: Any = type(target)
    needs = _needs_of(cls, name)
    return not needs.queries and (mapper is None or _are_loaded(target, needs.names, 0))


def _are_loaded(target: Any, names: frozenset[str], depth: int) -> bool:
    mapper = mapper_of(type(target))
    # The session of SQLAlchemy is watched while the property runs.
    if mapper is None or mapper is _SQLALCHEMY or depth == _DEEPEST:
        return True
    for name in names & mapper.names(type(target)):
        value = mapper.value(target, name)
        if value is REFUSED or not _are_loaded(value, names, depth + 1):
            return False
    return True


class _Needs(NamedTuple):
    """What the code of an attribute may do.

    :ivar names: attributes that it may read, of whatever.
    :ivar queries: it names a database.
    """

    names: frozenset[str]
    queries: bool


@functools.lru_cache(maxsize=4096)
def _needs_of(cls: type, name: str) -> _Needs:
    found = class_attribute(cls, name)
    names: set[str] = set()
    try:
        queries = any(_note_needs(cls, function, names, 0) for function in _functions_of(found))
    except Exception:  # noqa: BLE001  a foreign object may raise anything
        return _Needs(frozenset(), queries=True)
    return _Needs(frozenset(names), queries)


def _functions_of(attribute: object) -> Iterator[FunctionType]:
    """The code that runs when an attribute is read."""
    for name in ("fget", "func", "_func", "__wrapped__"):
        function = getattr(attribute, name, None)
        if isinstance(function, FunctionType):
            yield function
            return
    if isinstance(attribute, FunctionType):
        yield attribute


def _note_needs(cls: type, function: FunctionType, names: set[str], depth: int) -> bool:
    """Note the names that a function reads; whether it names a database."""
    if depth == _DEEPEST:
        return False
    new = {name for code in _codes(function.__code__) for name in code.co_names} - names
    names |= new
    if new & _QUERYING:
        return True
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    known = {name: cell.cell_contents for name, cell in cells}
    known |= {name: function.__globals__[name] for name in new if name in function.__globals__}
    for value in known.values():
        if _is_database(value):
            return True
        if isinstance(value, FunctionType) and _note_needs(cls, value, names, depth + 1):
            return True
    for name in new:
        for inner in _functions_of(class_attribute(cls, name)):
            if _note_needs(cls, inner, names, depth + 1):
                return True
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_database(value: object) -> bool:
    """Whether it is a table, or a library, connection or session of a database."""
    if isinstance(value, type):
        return mapper_of(value) is not None or _is_library(value.__module__)
    return _is_library(value.__name__ if isinstance(value, ModuleType) else type(value).__module__)


def _is_library(named: str) -> bool:
    is_django = named.startswith(("django.db", "django.contrib"))
    return is_django or named.partition(".")[0] in _DATABASES


def _sqlalchemy_value(target: Any, name: str) -> object:
    own: dict[str, object] = target.__dict__
    if name in own:
        return own[name]
    state: Any = own.get("_sa_instance_state")
    return REFUSED if state is None or name in state.unloaded else None


@contextmanager
def _no_queries(target: Any, mapper: _Mapper | None) -> Iterator[None]:
    """Has SQLAlchemy refuse the queries that reading ``target`` would lead to."""
    is_watched = mapper is _SQLALCHEMY
    session: Any = target.__dict__["_sa_instance_state"].session if is_watched else None
    event: Any = sys.modules.get("sqlalchemy.event")
    if session is None or event is None:
        yield
        return
    event.listen(session, "do_orm_execute", _refuse)
    try:
        with session.no_autoflush:
            yield
    finally:
        event.remove(session, "do_orm_execute", _refuse)


def _refuse(_: object) -> None:
    raise QueryRefusedError


@functools.lru_cache(maxsize=2048)
def _described_by(cls: type, library: str) -> frozenset[str]:
    """Attributes of a class that descriptors of a library answer for."""
    return frozenset(
        name
        for base in cls.__mro__
        if base.__module__.partition(".")[0] != library
        for name, value in base.__dict__.items()
        if type(value).__module__.partition(".")[0] == library
    )


def _peewee_value(target: Any, name: str) -> object:
    if name in target.__dict__:  # prefetched
        return target.__dict__[name]
    accessor: Any = class_attribute(type(target), name)
    kind, data = type(accessor).__name__, target.__data__
    if kind.startswith("ForeignKey"):
        return target.__rel__.get(name, None if data.get(name) is None else REFUSED)
    if kind in ("FieldAccessor", "ObjectIdAccessor"):
        return data.get(accessor.field.name)
    return REFUSED


def _mongoengine_value(target: Any, name: str) -> object:
    value = target._data.get(name)  # noqa: SLF001  the attribute itself would look references up
    kind = type(value)
    if kind.__name__ in ("DBRef", "LazyReference", "GridFSProxy", "ImageGridFsProxy"):
        return REFUSED
    is_key = kind.__name__ == "ObjectId" and name not in ("id", "pk")
    is_reference = is_key and "Reference" in type(target._fields.get(name)).__name__
    return REFUSED if is_reference else value


def _pony_value(target: Any, name: str) -> object:
    values = target._vals_
    value = REFUSED if values is None else values.get(target._adict_[name], REFUSED)
    return REFUSED if type(value).__name__ == "SetData" else value


def _django_value(target: Any, name: str) -> object:
    descriptor: Any = class_attribute(type(target), name)
    if hasattr(type(descriptor), "is_cached"):  # a relation
        return getattr(target, name) if descriptor.is_cached(target) else REFUSED
    if name in target.__dict__:  # a file's descriptor makes an object of the name
        return getattr(target, name)
    return REFUSED


_SQLALCHEMY = _Mapper(lambda cls: frozenset(cls._sa_class_manager), _sqlalchemy_value)
# By the module and the name of the class that rows derive from.
_MAPPERS: dict[tuple[str, str], _Mapper] = {
    ("peewee", "Model"): _Mapper(lambda cls: _described_by(cls, "peewee"), _peewee_value),
    ("mongoengine.base.document", "BaseDocument"): _Mapper(
        lambda cls: frozenset(cls._fields), _mongoengine_value
    ),
    ("pony.orm.core", "Entity"): _Mapper(lambda cls: frozenset(cls._adict_), _pony_value),
    ("django.db.models.base", "Model"): _Mapper(
        lambda cls: _described_by(cls, "django"), _django_value
    ),
}
