"""The recipe of CONTRIBUTING for a new resolver, followed in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHOP = """
import sys

sys.path.insert(0, sys.argv[1])
from flask import Flask, render_template_string
import topmail_flask
from topmail_flask import TopMail
from topmail_flask.testing import capture

assert topmail_flask.__file__.startswith(sys.argv[1])
app = Flask("shop")
app.config.update(SECRET_KEY="a secret of some length", SERVER_NAME="shop.example")
TopMail(app)
if sys.argv[2] == "with Flask-Login":
    from flask_login import LoginManager, UserMixin

    class User(UserMixin):
        email = "bob@shop.example"

    LoginManager(app).user_loader(lambda name: User())
TEA = {"id": "t-1", "name": "Tea", "price": 5}

@app.get("/tea")
def tea():
    return render_template_string("{{ product.name }}", product=TEA)

with capture(app) as views:
    browser = app.test_client()
    browser.get("/tea")
    browser.get("/tea", headers={"X-Authenticated-Email": "ann@shop.example"})
    if sys.argv[2] == "with Flask-Login":
        with browser.session_transaction() as session:
            session["_user_id"] = "7"
        browser.get("/tea")
print(*(view.shopper.email for view in views))
"""


def recipe() -> tuple[str, str]:
    """The file and the entry that CONTRIBUTING tells to write."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Add a resolver")[2].partition("\n## ")[0]
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", section, re.DOTALL | re.MULTILINE)
    file, entry = (re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks)
    return file, entry.strip()


@pytest.mark.parametrize(
    ("store", "shoppers"),
    [
        ("without a log-in", "ann@shop.example\n"),
        ("with Flask-Login", "ann@shop.example bob@shop.example\n"),
    ],
)
def test_a_resolver_is_one_new_file_and_one_entry_in_the_list(
    tmp_path: Path, store: str, shoppers: str
) -> None:
    package = tmp_path / "topmail_flask"
    shutil.copytree(ROOT / "topmail_flask", package, ignore=shutil.ignore_patterns("__pycache__"))
    file, entry = recipe()
    (package / "trusted_header.py").write_text(file, encoding="utf-8")
    listed = package / "shoppers.py"
    text = listed.read_text(encoding="utf-8")
    imported = "from topmail_flask.trusted_header import trusted_header_shopper\n"
    text = text.replace("\nResolver =", f"\n{imported}\nResolver =", 1)
    text = text.replace("RESOLVERS: list[Resolver] = [\n", f"RESOLVERS = [\n    {entry}\n", 1)
    listed.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SHOP, str(tmp_path), store],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == shoppers
