"""How many messages one address may send."""

from __future__ import annotations

import pytest

from topmail_flask.beacon.messages import AT_ONCE, PER_SECOND, REMEMBERED, Allowance, sender_of


def test_a_limit_stops_floods_and_lets_a_company_behind_one_address_look() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    assert [allowance.take("one") for _ in range(int(AT_ONCE) + 1)] == [True] * int(AT_ONCE) + [
        False
    ]
    assert allowance.take("another")
    now[0] += 1
    assert sum(allowance.take("one") for _ in range(50)) == PER_SECOND
    for number in range(REMEMBERED + 50):
        allowance.take(str(number))
    assert len(allowance) == REMEMBERED


@pytest.mark.parametrize(
    ("environ", "sender"),
    [
        ({"REMOTE_ADDR": "203.0.113.9"}, "203.0.113.9"),
        ({"REMOTE_ADDR": "8.8.8.8", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}, "8.8.8.8"),
        ({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.2.3.4"}, "1.2.3.4"),
        ({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}, "1.2.3.4"),
        ({"REMOTE_ADDR": "proxy", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}, "proxy"),
        ({}, ""),
    ],
)
def test_messages_are_counted_by_who_sent_them(environ: dict[str, str], sender: str) -> None:
    assert sender_of(environ) == sender
