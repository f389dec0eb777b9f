"""What the pages need: one process that forks their commands, and a TopMail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import responses
from requests import PreparedRequest

from tests.docs.commands import CommandServer, command_server
from tests.docs.pages import SHOPPER
from topmail_flask.sandbox import Sandbox


@pytest.fixture(scope="session")
def server() -> Iterator[CommandServer]:
    with command_server() as server:
        yield server


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A TopMail on this machine, which also answers for the real one."""
    with Sandbox(contacts=[SHOPPER]) as sandbox:

        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
            path = urlsplit(str(request.url)).path
            link = HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
            headers = {name: text for name, text in request.headers.items() if name != "Host"}
            link.request(str(request.method), path, request.body, headers)
            told = link.getresponse()
            body = told.read()
            link.close()
            return told.status, dict(told.getheaders()), body

        with responses.RequestsMock(assert_all_requests_are_fired=False) as calls:
            calls.add_passthru("http://127.0.0.1")
            for method in ("GET", "POST"):
                calls.add_callback(method, re.compile(r"https://api\.topmail\.so/.*"), answer)
            yield sandbox
