"""Runs the commands of the pages: one process that has loaded Flask, and forks for each of them.

Reads one JSON object a line: ``program``, ``arguments``, ``place``, ``environment``, ``output`` (a
file). Answers with the child's process id; and to ``ended``, a process id, with its exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
from importlib import metadata
from typing import Any

PRELOADED = (
    *("flask.cli", "flask.testing", "requests", "topmail_flask.middleware"),
    *("topmail_flask.extension", "topmail_flask.cli.doctor", "topmail_flask.cli.inspect"),
)


def run(program: str, arguments: list[str]) -> None:
    """What the shell would start."""
    sys.argv = [program, *arguments]
    if program == "python":
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        return
    [script] = metadata.entry_points(group="console_scripts", name=program)
    sys.exit(script.load()())


def child(told: dict[str, Any]) -> None:
    """Become the program."""
    os.setsid()
    os.chdir(told["place"])
    os.environ.update(told["environment"])
    output = os.open(told["output"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path.insert(0, told["place"])
    run(told["program"], told["arguments"])


def main() -> None:
    """Serve until the standard input ends."""
    for module in PRELOADED:
        importlib.import_module(module)
    # The standard output belongs to the conversation; a child must not hold it open.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        told = json.loads(line)
        if "ended" in told:
            _, status = os.waitpid(told["ended"], 0)
            answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
            continue
        pid = os.fork()
        if pid == 0:
            answers.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            child(told)
            return
        answers.write(f"{pid}\n")


if __name__ == "__main__":
    main()
