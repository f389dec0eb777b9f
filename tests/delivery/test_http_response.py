"""What is read of a response: the same as Python's own client reads, and what that refuses."""

from __future__ import annotations

import http.client
import socket

import pytest

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.test_client import client, view
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.http_response import BODY_LIMIT, HTTPResponse
from topmail_flask.model.errors import SuspiciousAnswer

__all__ = ["client"]
OK = b"HTTP/1.1 201 Created\r\n"
MANY = tuple((f"X-Trace-{number}", "1") for number in range(150))
SAME = {
    "length": OK + b"Content-Length: 2\r\n\r\n{}",
    "no_reason": b"HTTP/1.1 201\r\nContent-Length: 2\r\n\r\n{}",
    "bare_newlines": b"HTTP/1.1 201 Created\ncontent-length:2\n\n{}",
    "until_closed": OK + b"Content-Type: text/html\r\n\r\n<p>",
    "closes": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
    "http_1_0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "nothing": b"HTTP/1.1 204 No Content\r\nX-Request-Id: 1\r\n\r\n",
    "not_modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n1",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks": OK
    + b"transfer-encoding: Chunked\r\n\r\n1;x=y\r\n{\r\nA\r\n 123456789\r\n0\r\nX: y\r\n\r\n",
    "twice": OK + b"Via: a\r\nVia: b\r\nContent-Length: 0\r\n\r\n",
    "colons": OK + b"X-Time: 12:30:00\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n",
    "cut_off": OK + b"Content-Length: 50\r\n\r\n{}",
    "chunk_cut_off": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "wrong_length": OK + b"Content-Length: many\r\n\r\n{}",
}
ENDS_WITH_CONNECTION = {
    *("until_closed", "closes", "http_1_0", "cut_off", "chunk_cut_off"),
    "wrong_length",
}


def read(told: bytes, *, at_once: int = 1 << 20) -> HTTPResponse:
    """What is read of these bytes, behind which the connection is closed."""
    here, there = socket.socketpair()
    with here, there:
        response = HTTPResponse(_Slow(here, at_once), 5.0)
        there.sendall(told)
        there.shutdown(socket.SHUT_WR)
        response.read_head()
        response.read_body()
    return response


class _Slow:
    """A socket that gives few bytes at once."""

    def __init__(self, sock: socket.socket, at_once: int) -> None:
        self._sock, self._at_once = sock, at_once
        self.settimeout = sock.settimeout

    def recv(self, size: int) -> bytes:
        return self._sock.recv(min(size, self._at_once))


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", SAME)
def test_a_response_says_what_it_says_to_pythons_own_client(name: str, at_once: int) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(SAME[name])
        there.shutdown(socket.SHUT_WR)
        theirs = http.client.HTTPResponse(here, method="POST")
        theirs.begin()
        try:
            body = theirs.read()
        except http.client.IncompleteRead as error:
            body = error.partial
        theirs.close()
    ours = read(SAME[name], at_once=at_once)
    assert (ours.status, ours.fields) == (theirs.status, theirs.getheaders())
    assert ours.body == body
    assert ours.reusable is (name not in ENDS_WITH_CONNECTION)


@pytest.mark.parametrize("status", [100, 102, 103])
def test_what_comes_before_the_answer_is_passed_over(status: int) -> None:
    response = read(b"HTTP/1.1 %d Wait\r\nLink: </a>\r\n\r\n" % status + SAME["length"])
    assert (response.status, response.body, len(response.fields)) == (201, b"{}", 1)


@pytest.mark.parametrize("length", [b"-2", b"2, 2", b"9" * 5000, "²".encode("latin-1")])
def test_a_length_that_is_none_means_until_the_connection_ends(length: bytes) -> None:
    response = read(OK + b"Content-Length: " + length + b"\r\n\r\n{}")
    assert (response.body, response.reusable) == (b"{}", False)


def test_a_connection_on_which_more_comes_than_was_asked_for_takes_no_other_call() -> None:
    assert not read(SAME["length"] + SAME["length"]).reusable


def test_a_view_is_delivered_whose_answer_has_many_fields(
    client: TopMailClient, chaos: Chaos
) -> None:
    """A proxy's or a tracer's: the call must not be made again for ever."""
    chaos.otherwise = acts.ok_with(*MANY)
    for _ in range(3):
        assert client.track_product_view(view()).contact_id == "c"
    assert len(chaos.calls) == 3
    assert len(set(chaos.connections)) == 1


def test_an_answer_whose_fields_never_end_is_not_the_apis(
    client: TopMailClient, chaos: Chaos
) -> None:
    chaos.otherwise = acts.ok_with(("X-Long", "x" * 2 * BODY_LIMIT))
    with pytest.raises(SuspiciousAnswer):
        client.track_product_view(view())


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (b"", ConnectionResetError),
        (b"SSH-2.0-OpenSSH\r\n\r\n", http.client.BadStatusLine),
        (b"HTTP/2 200\r\n\r\n", http.client.BadStatusLine),
        (b"HTTP/1.1 2", http.client.BadStatusLine),
        (OK + b"Content-Le", http.client.IncompleteRead),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", http.client.IncompleteRead),
    ],
)
def test_what_is_no_response_is_an_error(told: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(told)
