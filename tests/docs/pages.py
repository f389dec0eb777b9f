"""One page of the documentation, its blocks run in order, in a directory of its own."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from sybil import Document, Example, Lexeme, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser, SkipParser

from tests.docs.commands import CommandServer, Shell, require
from tests.docs.configurations import READERS
from tests.docs.shapes import differs
from tests.servers.server import ROOT, free_port
from topmail_flask.sandbox import Sandbox

SHOPPER = "ann@shop.example"
FILE = re.compile(r"(?:#|\{#|<!--) ([\w./-]+\.(?:py|html|ini|toml|yaml|txt|conf))\b")
SHOWN_ONLY = {"text"}
PAGE = "page_of_the_documentation"
"""The module that the Python of a page believes to be: Flask looks for its file."""
STORES = Path(__file__).with_name("stores")
"""The stores of the pages until they bring one: one of the page's name, or the default one."""


class Page:
    """Runs the blocks of a page.

    A block whose first line is a comment with a file's name becomes that file. Other Python runs
    here, in one namespace; a console block runs command by command, and what it shows below a
    command must have the shape of what was printed; a configuration must be one that can be read.
    A block that cannot be run has ``<!-- skip: next "the reason" -->`` above it.
    """

    def __init__(self, path: Path, place: Path, server: CommandServer, sandbox: Sandbox) -> None:
        self.path = path
        self.place = place
        self.text = path.read_text(encoding="utf-8")
        self.printed = ""
        self._python = PythonEvaluator()
        self._sandbox = sandbox
        self._port = free_port()
        self._files: set[Path] = set()
        environment = {
            "FLASK_APP": "store",
            "TOPMAIL_API_KEY": sandbox.api_key,
            "SANDBOX": sandbox.base_url,
        }
        self.shell = Shell(server, place, environment, self._port)
        own = STORES / f"{path.stem.replace('-', '_')}.py"
        store = own if own.exists() else STORES / "default.py"
        (place / "store.py").write_bytes(store.read_bytes())

    def run(self) -> list[str]:
        """Run all blocks.

        :returns: the reasons of those that were left out.
        """
        left_out = []
        document = Sybil(parsers=[SkipParser(), self._blocks]).parse(self.path)
        document.namespace |= {"sandbox": self._sandbox, "__name__": PAGE}
        with importable(self.place):
            try:
                for example in document.examples():
                    try:
                        example.evaluate()
                    except SkipTest as reason:
                        left_out.append(str(reason))
                self._run_files()
            finally:
                self.shell.stop()
        return left_out

    def _blocks(self, document: Document) -> Iterator[Region]:
        """The blocks of every language; those in braces are MyST's own directives."""
        for region in CodeBlockParser("any").lexers(document):
            if not region.lexemes["arguments"].startswith("{"):
                region.parsed = region.lexemes["source"]
                region.evaluator = self._evaluate
                yield region

    def _evaluate(self, example: Example) -> None:
        language = str(example.region.lexemes["arguments"])
        source = self._as_run_here(str(example.parsed))
        named = FILE.match(source)
        if named:
            self._write(self.place / named[1], source)
        if language in READERS:
            READERS[language](source)
        elif language == "console":
            self._console(source)
        elif language == "python" and not named:
            example.parsed = Lexeme(source, example.parsed.offset, example.parsed.line_offset)
            self._python(example)
        elif language != "python":
            assert language in SHOWN_ONLY, f"line {example.line}: {language} blocks are not run"

    def _as_run_here(self, source: str) -> str:
        """The block with the ports of this machine, and with the sandbox's key."""
        source = re.sub(r"127\.0\.0\.1:8025", f"127.0.0.1:{self._sandbox.port}", source)
        source = re.sub(r"127\.0\.0\.1:[58]000", f"127.0.0.1:{self._port}", source)
        return re.sub(r"tm_(live|test)_…", self._sandbox.api_key, source)

    def _write(self, file: Path, source: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file in self._files else ""
        file.write_text(before + source, encoding="utf-8")
        self._files.add(file)

    def _console(self, source: str) -> None:
        for told in re.split(r"^\$ ", source.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            command, _, shown = told.partition("\n")
            expands = re.search(r"\$[({A-Z]", command)
            words = ["bash", "-c", command] if expands else shlex.split(command, comments=True)
            if words[0] == "export":
                name, _, value = words[1].partition("=")
                self.shell.environment[name] = value
                continue
            if words[0] == "curl":
                require("curl")
            self.printed = self.shell.run(words)
            difference = differs(shown, self.printed) if shown.strip() else ""
            assert not difference, f"$ {command}\n{difference}"
            told_next = source.partition(told)[2]
            fails_as_shown = told_next.startswith("$ echo $?")
            assert self.shell.status == 0 or fails_as_shown, f"$ {command}\n{self.printed}"

    def _run_files(self) -> None:
        for file in sorted(self._files):
            if file.suffix == ".py" and not file.name.startswith(("test_", "conftest")):
                told = self.shell.run(["python", str(file.relative_to(self.place))])
                assert self.shell.status == 0, told


@contextmanager
def importable(place: Path) -> Iterator[None]:
    """The modules of a directory can be imported, and are forgotten afterwards."""
    sys.path.insert(0, str(place))
    sys.modules[PAGE] = ModuleType(PAGE)
    sys.modules[PAGE].__file__ = str(place / "page.py")
    try:
        yield
    finally:
        sys.path.remove(str(place))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(place)):
                del sys.modules[name]


def all_pages() -> list[Path]:
    """Every Markdown file that a reader may follow."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(page for page in pages if "_build" not in page.parts)
