import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from topmail_flask.sandbox.command import sandbox_command


@contextmanager
def running(
    *options: str, inside: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """Run the command until it has said where it is: the program, its address, its lines."""
    command = [*inside, sys.executable, "-u", "-m", "topmail_flask.sandbox", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        lines = []
        for line in program.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        address = next(line.split()[-1] for line in lines if "http://" in line)
        try:
            yield program, address, lines
        finally:
            program.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_what_to_do_serves_and_stops_cleanly(stop: signal.Signals) -> None:
    with running("--port", "0", "--contacts", "ada@example.com, eve@example.com") as started:
        program, address, lines = started
        assert f'TOPMAIL_BASE_URL = "{address}/api/v1"' in lines
        assert any(line.startswith('TOPMAIL_API_KEY = "tm_test_') for line in lines)
        contacts = requests.get(f"{address}/_sandbox/contacts", timeout=10).json()
        assert [contact["email"] for contact in contacts] == ["ada@example.com", "eve@example.com"]
        program.send_signal(stop)
        _, complaints = program.communicate(timeout=30)
        assert (program.returncode, complaints) == (0, "")


def test_a_command_that_a_script_put_into_the_background_stops_too() -> None:
    ignoring = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")  # as a shell does after "&"
    with running("--port", "0", inside=ignoring) as (program, _, _):
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=20) == 0


def test_a_stopped_command_frees_its_port_with_pages_open(tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    with running("--port", "0", "--state", state) as (program, address, _):
        page = requests.get(f"{address}/_sandbox/events", stream=True, timeout=10)
        program.terminate()
        assert program.wait(timeout=30) == 0
        page.close()
    port = address.rpartition(":")[2]
    with running("--port", port, "--state", state) as (_, again, _):
        assert again == address


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(sandbox_command, ["--port", port])
    assert result.exit_code == 1
    assert (
        result.output == f"Error: Port {port} of 127.0.0.1 is taken: choose another with --port.\n"
    )


def test_a_contact_that_is_no_address_is_one_clear_line() -> None:
    result = CliRunner().invoke(sandbox_command, ["--contacts", "ada@example.com,eve"])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "eve must be an e-mail address" in result.output


def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    result = CliRunner().invoke(sandbox_command, ["--host", "192.0.2.1", "--port", "0"])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "cannot listen on 192.0.2.1" in result.output


def test_a_state_that_cannot_be_kept_is_one_clear_line(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("milk")
    for state in (notes, tmp_path / "nowhere" / "state.json"):
        result = CliRunner().invoke(sandbox_command, ["--port", "0", "--state", str(state)])
        assert (result.exit_code, result.output.count("\n")) == (1, 1)
        assert "state" in result.output
