"""Whether a configuration file of a page can be read by the program that it is for."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable

import yaml
from jinja2 import Environment

_INSTRUCTIONS = {
    *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "CMD", "ENTRYPOINT"),
    "ARG",
}


def ini(text: str) -> None:
    """Of uWSGI, systemd or supervisor: a key may be there twice."""
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read_string(text)
    assert read.sections()


def nginx(text: str) -> None:
    """Every directive ends with a semicolon or opens a block, and every block is closed."""
    bare = re.sub(r"#[^\n]*", "", text)
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "x", bare)
    depth = 0
    for directive, end in re.findall(r"([^;{}]*)([;{}])", bare):
        if end == "}":
            assert not directive.strip(), f"no semicolon after {directive.strip()!r}"
            depth -= 1
        else:
            assert re.match(r"\s*[a-z_$~@]", directive), f"no directive: {directive!r}"
            depth += end == "{"
        assert depth >= 0, "a block is closed that was never opened"
    assert depth == 0, "a block is not closed"
    assert not re.split(r"[;{}]", bare)[-1].strip(), "the last directive has no end"


def docker(text: str) -> None:
    """Every line is an instruction."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        word = line.partition(" ")[0]
        assert not line.strip() or line.startswith("#") or word in _INSTRUCTIONS, line


def crontab(text: str) -> None:
    """Five fields of time and a command."""
    for line in text.strip().splitlines():
        assert re.match(r"#|([\d*/,-]+ ){5}\S", line), line


def template(text: str) -> None:
    """Jinja can compile it."""
    Environment(autoescape=True).parse(text)


def as_yaml(text: str) -> None:
    """Each document of it."""
    assert all(part is not None for part in yaml.safe_load_all(text))


READERS: dict[str, Callable[[str], object]] = {
    "crontab": crontab,
    "docker": docker,
    "html+jinja": template,
    "ini": ini,
    "jinja": template,
    "json": json.loads,
    "nginx": nginx,
    "toml": tomllib.loads,
    "yaml": as_yaml,
}
