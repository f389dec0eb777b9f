"""Which host names a sandbox answers for: a page on the internet must not reach it by DNS."""

import http.client
import re
import socket

import pytest
from click.testing import CliRunner

from tests.sandbox.test_sandbox_command import running
from topmail_flask.sandbox import Options, Sandbox
from topmail_flask.sandbox.command import sandbox_command

API, CONTROL = "/api/v1/contacts", "/_sandbox/contacts"
PATHS = (API, CONTROL, "/", "/_sandbox/events", "/calls/1", "/facts", "/_sandbox/export")


def ask(sandbox: Sandbox, path: str, host: str | None) -> tuple[int, bytes]:
    """Status and body for a path under a Host of one's own; None sends none."""
    client = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    client.putrequest("GET", path, skip_host=True)
    if host is not None:
        client.putheader("Host", host.format(port=sandbox.port))
    client.putheader("Authorization", f"Bearer {sandbox.api_key}")
    client.endheaders()
    response = client.getresponse()
    if path == "/_sandbox/events" and response.status == 200:
        body = response.readline()
    else:
        body = response.read()
    client.close()
    return response.status, body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "EVIL.example.",
        "127.0.0.1.evil.example",
        "localhost.evil.example:{port}",
        "evil-localhost",
        "notlocalhost",
        "sandbox",
        "host.docker.internal",
        "127.0.0.1@evil.example",
        "evil.example/127.0.0.1",
        "127.0.0.1, evil.example",
        "10.0.0.7:{port}",
        "0.0.0.0",
        "[2001:db8::1]:{port}",
        "[::1",
        "[::1].evil.example",
        "",
        ":{port}",
        None,
    ],
)
def test_a_name_that_the_sandbox_was_not_started_for_gets_nothing(
    sandbox: Sandbox, host: str | None, path: str
) -> None:
    status, body = ask(sandbox, path, host)
    assert status == 400
    assert b"ada@example.com" not in body
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:{port}",
        "127.0.0.1:9999",  # forwarded by docker or ssh
        "localhost",
        "LocalHost:{port}",
        "localhost.",
        "shop.localhost",
        "127.8.4.2",
        "[::1]:{port}",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_this_machines_names_for_itself_are_answered(sandbox: Sandbox, host: str) -> None:
    for path in (API, CONTROL):
        status, body = ask(sandbox, path, host)
        assert status == 200
        assert b"ada@example.com" in body


def test_a_refused_host_is_named_with_the_option_that_lets_it_in(sandbox: Sandbox) -> None:
    for path in (API, CONTROL):
        _, body = ask(sandbox, path, "topmail.shop.example")
        assert b"'topmail.shop.example'" in body
        assert b"--allow-host" in body


def test_more_names_are_answered_when_they_are_allowed() -> None:
    with Sandbox(options=Options(allow_hosts=["TopMail.shop.example."])) as sandbox:
        assert ask(sandbox, API, "topmail.shop.example:8025")[0] == 200
        assert ask(sandbox, API, "x.topmail.shop.example")[0] == 400


def test_a_sandbox_for_the_network_answers_for_addresses_and_for_names_nobody_can_own() -> None:
    with Sandbox(host="0.0.0.0") as sandbox:
        hosts = ("127.0.0.1", "192.168.1.5:{port}", "sandbox", "[2001:db8::1]")
        for host in (*hosts, "host.docker.internal:{port}"):
            assert ask(sandbox, API, host)[0] == 200, host
        assert ask(sandbox, API, socket.gethostname())[0] == 200
        for host in ("evil.example", "sandbox.evil.example", "internal.evil.example"):
            assert ask(sandbox, API, host)[0] == 400, host


def test_a_sandbox_for_the_network_prints_addresses_that_work() -> None:
    with running("--port", "0", "--host", "0.0.0.0") as (_, _, lines):
        addresses = re.findall(r"http://[^/\s\"]+", " ".join(lines))
        assert addresses[0].startswith("http://127.0.0.1:")
        assert not any("0.0.0.0" in line for line in lines)
        for address in addresses:
            host, _, port = address.removeprefix("http://").rpartition(":")
            client = http.client.HTTPConnection(host, int(port), timeout=10)
            client.request("GET", "/")
            assert client.getresponse().status == 200
            client.close()


def test_the_address_of_every_listening_host_can_be_asked() -> None:
    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        with Sandbox(host=host) as sandbox:
            name = sandbox.url.removeprefix("http://").rpartition(":")[0]
            assert ask(sandbox, API, name)[0] == 200


def test_a_permission_that_is_none_is_one_clear_line() -> None:
    result = CliRunner().invoke(sandbox_command, ["--tracking-permission", "all", "--port", "0"])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "resource:action" in result.output
