"""A store runs the same in a locale that knows ASCII only, the default of mod_wsgi and uWSGI."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "topmail_flask").rglob("*.py"), *(ROOT / "example_store").rglob("*.py")])
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
DETECTION = ["tests/test_detection.py", "tests/test_detection_of_odd_views.py"]


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), **ASCII, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )


def is_text_without_encoding(call: ast.Call) -> bool:
    """Whether the call reads or writes text in whatever encoding the process happens to have."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(getattr(function, "value", None), "id", "")
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name in ("run", "Popen", "check_output"):
        return any(keyword.arg in ("text", "universal_newlines") for keyword in call.keywords)
    if name in ("open", "fdopen") and (owner, name) != ("os", "open"):
        modes = [
            value for value in given if isinstance(value, str) and set(value) <= set("rwaxbt+")
        ]
        is_plain = isinstance(function, ast.Name)
        return not any("b" in mode for mode in modes) and (bool(modes) or is_plain)
    return False


def test_every_file_is_read_and_written_with_its_encoding() -> None:
    faults = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_text_without_encoding(node)
    ]
    assert faults == []


def test_an_ascii_locale_is_one() -> None:
    """Else the tests below say nothing."""
    program = "import locale, sys; print(locale.getpreferredencoding(False), sys.flags.utf8_mode)"
    assert run("-c", program).stdout.split()[0] in ("ANSI_X3.4-1968", "US-ASCII")


def test_all_tests_of_detection_pass_in_an_ascii_locale() -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *DETECTION, "tests/rules")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


SHOP = """
import sys
from flask import Flask, render_template_string
from topmail_flask import TopMail

app = Flask("shop")
app.config.update(TOPMAIL_API_KEY="tm_test_" + "a" * 24, TOPMAIL_BASE_URL="http://127.0.0.1:9",
    TOPMAIL_DEBUG_HEADER=True, **({"TOPMAIL_OUTBOX": sys.argv[1]} if len(sys.argv) == 2 else {}))
topmail = TopMail(app)
topmail.shopper_loader(lambda: "ann@shop.example")

@app.get("/tea")
def tea():
    product = {"id": "t\\xe9", "name": "Th\\xe9", "price": 9.9}
    return render_template_string("{{ product.name }}", product=product)
"""
SAMSUNG = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36"
)
VISIT = f"""
answer = app.test_client().get("/tea", headers={{"User-Agent": {SAMSUNG!r}}})
print(answer.headers["X-TopMail"].split(";")[0], topmail.health(app).state)
"""


def test_an_outbox_may_have_any_name_in_an_ascii_locale(tmp_path: Path) -> None:
    """The directory that every other process of the shop takes, named in UTF-8."""
    done = run("-c", SHOP + VISIT, str(tmp_path / "läden"))
    assert done.stdout.split() == ["view", "healthy"], done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["läden"]
    assert "memory only" not in done.stderr


def test_a_store_whose_file_has_any_name_keeps_its_outbox_in_an_ascii_locale(
    tmp_path: Path,
) -> None:
    store = tmp_path / "läden.py"
    store.write_text(SHOP.replace('Flask("shop")', "Flask(__name__)") + VISIT, "utf-8")
    for mode in ("0", "1"):
        done = run(str(store), str(tmp_path / "outbox"), PYTHONUTF8=mode)
        assert done.stdout.split() == ["view", "healthy"], done.stderr
    assert len(list((tmp_path / "outbox").iterdir())) == 1


def test_the_commands_print_any_product_in_an_ascii_locale(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP, "utf-8")
    for output in ([], ["--json"]):
        command = ["-m", "flask", "--app", "shop", "topmail", "inspect", "/tea", *output]
        done = run(*command, cwd=tmp_path)
        assert "Th" in done.stdout, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", ["{", "[]", '[{"pattern": "("}]', "\x00", None])
def test_a_list_of_robots_that_cannot_be_read_loses_no_view(
    tmp_path: Path, content: str | None
) -> None:
    package = tmp_path / "crawleruseragents"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError", "utf-8")
    if content is not None:
        (package / "crawler-user-agents.json").write_text(content, "utf-8")
    program = (
        "from topmail_flask.rules.robots import robot_kind;"
        f"print(robot_kind({SAMSUNG!r}), robot_kind('Googlebot/2.1'), robot_kind('curl/8.0'))"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run("-c", SHOP + VISIT + program, ":memory:", PYTHONPATH=path)
    assert done.stdout.split()[0] == "view", done.stderr
    assert done.stdout.splitlines()[1] == "None search tool"
    assert done.stderr.count("The list of robots cannot be read") == 1
