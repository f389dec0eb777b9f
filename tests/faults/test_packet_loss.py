"""The network is cut in the middle of a call, in a network of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import cut_network


def test_views_under_way_when_the_network_is_cut_arrive_once(tmp_path: Path) -> None:
    """F050: every packet is lost, then none."""
    if not (shutil.which("ip") and shutil.which("unshare")):
        pytest.skip("there is no iproute2 or no unshare here")
    own_network = ["unshare", "--net"]
    if subprocess.run([*own_network, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nobody but root may make a network here")
    done = subprocess.run(
        [*own_network, sys.executable, "-W", "error", "-m", cut_network.__name__, tmp_path],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    products = [f"t{number}" for number in range(cut_network.VIEWS)]
    assert told.pop("waited_while_cut") > 0
    assert told == {
        "all_left": True,
        "recorded": products,
        "keys": len(products),
        "delivered": len(products),
        "pending": 0,
    }
