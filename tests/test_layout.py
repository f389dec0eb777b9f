"""The rules of the layout: no circle, the law of imports, one concept a file, sizes.

``docs/explanation/glossary.md`` says of each file what its concept is.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "topmail_flask"
FILES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted(
    file
    for room in ("tests", "example_store", "benchmarks")
    for file in (ROOT / room).rglob("*.py")
)

# Who may import whom. A room may always import itself.
KNOWS: dict[str, set[str]] = {
    "model": set(),
    "extraction": {"model"},
    "rules": {"model"},
    "delivery": {"model"},
    "sandbox": set(),
}
CORE = {"model", "extraction", "rules", "delivery", "core"}
FEATURES = {"identify", "beacon", "events"}
MAY_USE_FLASK = {"cli", "testing", "sandbox", "beacon", "identify", ""}
MAY_USE_THREADS = {"delivery", "sandbox", "testing"}
UNSAFE = {"pickle", "xml", "lxml", "marshal"}  # they run or expand what they read


def name_of(file: Path) -> str:
    """The module's name, without the package's."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """The folder of a module; "" for those at the root."""
    return name.partition(".")[0] if (PACKAGE / name.partition(".")[0]).is_dir() else ""


MODULES = {name_of(file): file for file in FILES}


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


class _Imports(ast.NodeVisitor):
    """Imports that run; those for types alone do not count."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.dump(node.test):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            below = f"{node.module}.{alias.name}"
            is_module = below.removeprefix("topmail_flask.") in MODULES
            self.found.append((below if is_module else str(node.module), node.lineno))


@cache
def imports_of(file: Path) -> tuple[tuple[str, int], ...]:
    """Every module that a file imports, inside of functions too, with the line."""
    visitor = _Imports()
    visitor.visit(tree_of(file))
    return tuple(visitor.found)


def own(module: str) -> str | None:
    """The name of a module of the package; None for others."""
    first, _, rest = module.partition(".")
    return rest if first == "topmail_flask" else None


def graph() -> dict[str, set[str]]:
    """Which module imports which."""
    return {
        name: {
            target
            for module, _ in imports_of(file)
            if (target := own(module)) is not None and target != name and target in MODULES
        }
        for name, file in MODULES.items()
        if name  # the package itself imports a name when it is first used
    }


def circles() -> list[set[str]]:
    """Every set of modules that import one another, by Tarjan's algorithm."""
    edges = graph()
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def connect(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in index:
                connect(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(part)

    for name in edges:
        if name not in index:
            connect(name)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may_know(file: Path) -> None:
    room = room_of(name_of(file))
    for module, line in imports_of(file):
        target = own(module)
        first = module.partition(".")[0]
        where = f"{file.name}:{line} imports {module}"
        if target is not None:
            if room in KNOWS:
                assert room_of(target) in KNOWS[room] | {room}, where
            elif room in FEATURES:
                forbidden = {"cli", "testing", "sandbox"} | (FEATURES - {room})
                assert room_of(target) not in forbidden, where
        elif first == "flask":
            assert room in MAY_USE_FLASK, where
        elif first in {"requests", "sqlite3", "threading", "urllib3"}:
            assert room in MAY_USE_THREADS, where
        elif first in UNSAFE:
            pytest.fail(where)
        elif room == "model":
            assert first in sys.stdlib_module_names, where


@pytest.mark.parametrize("file", [*FILES, *OTHERS], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_longer_than_600_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 600


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{name}:{node.name} {length}"
        for name, file in MODULES.items()
        for node in ast.walk(tree_of(file))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 50
    ]
    assert long == []


GLOSSARY = ROOT / "docs" / "explanation" / "glossary.md"


def test_every_module_is_a_concept_of_the_glossary() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    missing = [
        name
        for name in MODULES
        if not re.search(rf"^\| `{re.escape(name.replace('.', '/'))}", text, re.MULTILINE)
    ]
    assert missing == []


# A module under 60 lines that only another one imports, and why it is one of its own.
SMALL: dict[str, str] = {}


def test_a_small_module_with_one_importer_has_a_reason() -> None:
    edges = graph()
    small = {
        name
        for name, file in MODULES.items()
        if file.name != "__init__.py"
        and len(file.read_text(encoding="utf-8").splitlines()) < 60
        and sum(name in targets for targets in edges.values()) == 1
    }
    assert small == set(SMALL)


# Words that say nothing of what a name stands for, or that only this project would use.
PRIVATE = frozenset(
    "told custody courier crew unborn bury buried shed pour mending stranded newcomer".split()
)


def words_of_names(file: Path) -> set[str]:
    """The words in the names of a file's variables, parameters, functions and classes."""
    nodes = list(ast.walk(tree_of(file)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    words = {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    return words | ({"ONE"} & {name.upper() for name in names})


def test_names_are_the_words_of_the_field() -> None:
    found = {name: words_of_names(file) & (PRIVATE | {"ONE"}) for name, file in MODULES.items()}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_variable_of_a_test_says_what_it_holds() -> None:
    found = []
    for file in OTHERS:
        if "benchmarks" in file.parts or not re.search(r"\bone\b", file.read_text("utf-8")):
            continue  # most files are quickly known
        nodes = ast.walk(tree_of(file))
        if any(node.id == "one" for node in nodes if isinstance(node, ast.Name)):
            found.append(file.name)
    assert found == []
