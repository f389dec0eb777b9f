"""What setup.cfg cannot say: the package index shows the README without the files beside it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
declared = configparser.ConfigParser(interpolation=None)
declared.read(ROOT / "setup.cfg", encoding="utf-8")
source = declared["metadata"]["url"]
readme = (ROOT / "README.md").read_text(encoding="utf-8")
readme = re.sub(r"(!\[[^]]*\]\()(?!https?:|#)", rf"\1{source}/raw/main/", readme)
readme = re.sub(r"(?<!!)(\[[^]]*\]\()(?!https?:|#)", rf"\1{source}/blob/main/", readme)

setup(long_description=readme)
