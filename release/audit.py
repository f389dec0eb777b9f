"""Known vulnerabilities of what a store installs with this package, as pip-audit knows them.

``make audit`` runs it. It fails for a vulnerability of the package's own requirements; tools that
only develop it are told of. Where the advisory service cannot be reached it says so and succeeds:
its outage is no fault of a change.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata


def requirements(name: str = "topmail-flask") -> set[str]:
    """All that is installed with it, without extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        try:
            required = metadata.requires(waiting.pop()) or []
        except metadata.PackageNotFoundError:
            continue
        for line in required:
            match = re.match(r"[\w.-]+", line)
            if match is None or "extra ==" in line:
                continue
            package = re.sub(r"[-_.]+", "-", match[0]).lower()
            if package not in found:
                found.add(package)
                waiting.append(package)
    return found


def main() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        audited = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        print(f"Not audited: pip-audit said {last}")
        return
    ours = requirements()
    asked = [package for package in audited if "vulns" in package]
    faults = {
        f"{audit['name']} {audit['version']}": audit["vulns"] for audit in asked if audit["vulns"]
    }
    for package, vulnerabilities in faults.items():
        print(f"{package}: {', '.join(vulnerability['id'] for vulnerability in vulnerabilities)}")
    known = len([audit for audit in asked if audit["name"] in ours])
    print(f"{known} of {len(ours)} requirements audited, {len(audited) - len(asked)} packages not.")
    sys.exit(any(package.partition(" ")[0] in ours for package in faults))


if __name__ == "__main__":
    main()
