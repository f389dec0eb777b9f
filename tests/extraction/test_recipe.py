"""The recipe of CONTRIBUTING for a new source, followed to the letter in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOP = """
import sys

sys.path.insert(0, sys.argv[1])
from flask import Flask
import topmail_flask
from topmail_flask import TopMail
from topmail_flask.testing import capture

assert topmail_flask.__file__.startswith(sys.argv[1])
app = Flask("shop")
app.config.update(SECRET_KEY="a secret of some length", SERVER_NAME="shop.example")
TopMail(app)

@app.get("/mugs/blue")
def mug():
    return '<b data-product="M-1" data-name="Blue Mug" data-price="12.50">Blue Mug</b>'

with capture(app) as views:
    views.browse_as("ann@shop.example").get("/mugs/blue")
view, = views
print(view.product.id, view.product.name, view.product.price, view.product.currency)
"""


def recipe() -> tuple[str, str]:
    """The file and the entry that CONTRIBUTING tells to write."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Add a source")[2].partition("\n## ")[0]
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", section, re.DOTALL | re.MULTILINE)
    file, entry = (re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks)
    return file, entry.strip()


def test_a_source_is_one_new_file_and_one_entry_in_the_list(tmp_path: Path) -> None:
    package = tmp_path / "topmail_flask"
    shutil.copytree(ROOT / "topmail_flask", package, ignore=shutil.ignore_patterns("__pycache__"))
    file, entry = recipe()
    (package / "extraction" / "data_attributes.py").write_text(file, encoding="utf-8")
    listed = package / "extraction" / "extract.py"
    text = listed.read_text(encoding="utf-8")
    text = text.replace("SOURCES = (\n", f"SOURCES = (\n    {entry}\n", 1)
    text = text.replace(
        "\nSOURCES = (",
        "\nfrom topmail_flask.extraction import data_attributes"
        "\nfrom topmail_flask.extraction.page import holding\n\nSOURCES = (",
        1,
    )
    listed.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SHOP, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "M-1 Blue Mug 12.50 EUR\n"
