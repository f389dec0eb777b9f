"""What the package promises before it runs: its version, its pythons, its oldest dependencies."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def declared() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def floors() -> dict[str, Version]:
    """The oldest version that each dependency may have."""
    found = {}
    for line in declared()["options"]["install_requires"].split():
        wanted = Requirement(line)
        for bound in wanted.specifier:
            assert bound.operator == ">=", f"{line}: an upper bound keeps a store from updating"
            found[wanted.name] = Version(bound.version)
    return found


def test_no_version_with_a_known_leak_of_passwords_is_allowed() -> None:
    """F177: requests before 2.32.4 sends .netrc's passwords to other hosts."""
    assert floors()["requests"] >= Version("2.32.4")


def test_what_is_installed_is_what_the_project_declares() -> None:
    assert version("topmail-flask") == declared()["metadata"]["version"]
    for name, oldest in floors().items():
        assert Version(version(name)) >= oldest


def test_every_python_that_is_said_to_work_is_supported() -> None:
    said = [
        line.rpartition(" ")[2]
        for line in declared()["metadata"]["classifiers"].splitlines()
        if "Python :: 3." in line
    ]
    assert said == ["3.11", "3.12", "3.13"]
    assert declared()["options"]["python_requires"] == f">={said[0]}"
    assert sys.version_info >= tuple(map(int, said[0].split(".")))


def test_every_link_of_the_readme_leads_somewhere_from_the_package_index_too() -> None:
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", "--long-description"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = re.findall(r"\]\(([^)\s]+)\)", told)
    assert len(targets) > 30
    assert [target for target in targets if not target.startswith("https://")] == []
    source = declared()["metadata"]["url"]
    ours = [target for target in targets if target.startswith(source)]
    files = [re.sub(r".*/(?:blob|raw)/main/|#.*", "", target) for target in ours]
    assert [file for file in files if not (ROOT / file).exists()] == []
