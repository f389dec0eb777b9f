"""The release, as its users get it: wheel and sdist, built, checked, used in empty environments.

``make dist`` runs it; it needs the package index.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
STORE = Path(__file__).parent / "store.py"
_MODULE = re.compile(r"topmail_flask(-[\w.]+\.dist-info)?/")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What the command printed, without this environment's own variables."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    done = subprocess.run(
        [str(argument) for argument in command],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def build() -> tuple[Path, Path]:
    """The wheel and the sdist of this checkout."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir())
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, sdist


def look_inside(wheel: Path, sdist: Path) -> None:
    """The wheel holds the package alone, and the sdist all of the package."""
    with zipfile.ZipFile(wheel) as packed:
        inside = packed.namelist()
    foreign = [name for name in inside if not _MODULE.match(name)]
    assert not foreign, f"the wheel holds {foreign}"
    with tarfile.open(sdist) as packed_source:
        source = {name.partition("/")[2] for name in packed_source.getnames()}
    missing = [name for name in inside if ".dist-info/" not in name and name not in source]
    assert not missing, f"the sdist lacks {missing}"
    packed_files = {name for name in inside if name.startswith("topmail_flask/")}
    tracked = run("git", "ls-files", "topmail_flask", cwd=ROOT).split()
    assert packed_files == set(tracked), packed_files ^ set(tracked)


def use(package: Path) -> None:
    """A ten-line store in an empty environment sends the view of its product page."""
    with TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place) / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", package)
        print(f"{package.name}: {run(python, '-W', 'error', STORE, cwd=Path(place)).strip()}")


if __name__ == "__main__":
    wheel, sdist = build()
    look_inside(wheel, sdist)
    for package in (wheel, sdist):
        use(package)
