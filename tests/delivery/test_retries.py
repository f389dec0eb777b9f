"""When to try again, as tables of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from urllib3 import HTTPHeaderDict

from topmail_flask.delivery.policy import (
    Pace,
    Pause,
    Quota,
    backoff,
    quota,
    retry_after,
    until_tomorrow,
)
from topmail_flask.model.errors import RateLimited, RetryLater, SendingBlocked, SuspiciousAnswer

NOW = 1_760_000_000.0
THEN = datetime.fromtimestamp(NOW, UTC)


def test_waits_grow_from_a_second_to_five_minutes_and_the_dice_choose_below() -> None:
    longest = [backoff(failures, 1.0) for failures in range(1, 12)]
    assert longest == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff(5, 0.25) == 4
    assert backoff(10**6, 1.0) == 300


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("0", 1.0),
        ("99999999999", 900.0),
        (format_datetime(THEN + timedelta(seconds=90), usegmt=True), 90.0),  # F007
        (format_datetime(THEN - timedelta(days=1), usegmt=True), 1.0),
        ((THEN + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S"), 90.0),  # naive
        ("-5", None),
        ("", None),
        ("nan", None),
        ("1e999", None),
        ("9" * 5000, None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("soon", None),
        ("2 3", None),
    ],
)
def test_retry_after_is_believed_within_limits_or_not_at_all(text: str, wait: float | None) -> None:
    """F009"""
    assert retry_after({"Retry-After": text}, NOW) == wait


def test_two_retry_after_headers_are_no_answer() -> None:
    """F009"""
    headers = HTTPHeaderDict()
    headers.add("Retry-After", "5")
    headers.add("Retry-After", "7")
    assert retry_after(headers, NOW) is None


def test_without_retry_after_the_reset_counts() -> None:
    """F008"""
    reset = (THEN + timedelta(seconds=42)).isoformat().replace("+00:00", "Z")
    assert retry_after({"X-RateLimit-Reset": reset}, NOW) == 42
    assert retry_after({"X-RateLimit-Reset": "next week"}, NOW) is None
    assert retry_after({"X-RateLimit-Reset": reset}, NOW, with_reset=False) is None


def test_the_quota_is_read_where_it_is_one() -> None:
    assert quota({"X-RateLimit-Remaining": "3"}) == Quota(3, None)
    for text in ("", "-1", "many", "9" * 30):
        assert quota({"X-RateLimit-Remaining": text}) is None


def pace(rate: float = 1000.0, senders: int = 4) -> Pace:
    return Pace(senders=senders, rate=rate, dice=lambda: 0.5)


def test_one_call_proves_the_way_before_others_follow() -> None:
    ours = pace()
    assert ours.room(0.0, 0) == 1
    ours.started()
    assert ours.room(0.0, 1) == 0
    ours.answered(0.1)
    assert ours.room(0.1, 0) == 4
    ours.failed(RetryLater("read_timeout"), 0.2, NOW)
    assert ours.room(0.2, 0) == 1
    assert ours.room(0.2, 3) == 0


@pytest.mark.parametrize("rate", [0.5, 1.0, 4.0, 50.0, 400.0])
def test_no_second_has_more_calls_than_the_rate(rate: float) -> None:
    """F048"""
    ours, starts, now = pace(rate, senders=64), [], 0.0
    ours.answered(0.0)
    while now < 10:
        for _ in range(ours.room(now, 0)):
            ours.started()
            starts.append(now)
        now += 0.01
    for start in starts:
        in_a_second = [moment for moment in starts if start <= moment < start + 1]
        assert len(in_a_second) <= max(rate, 1)
    assert len(starts) >= rate * 9


def test_five_failures_in_a_row_leave_one_probe_at_a_time_with_growing_gaps() -> None:
    """F003"""
    ours, gaps = pace(), []
    for _ in range(4):
        ours.failed(RetryLater("server_error", status=500), 0.0, NOW)
        assert ours.pause is None
    for _ in range(8):
        ours.failed(RetryLater("server_error", status=500), 0.0, NOW)
        gaps.append(ours.wait_of_pause(0.0))
    assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_longest_of_two_pauses_counts_and_a_late_success_does_not_end_it() -> None:
    """F006"""
    ours = pace()
    ours.failed(RateLimited("rate_limited", status=429, wait=7.0), 100.0, NOW)
    ours.failed(RateLimited("rate_limited", status=429, wait=3.0), 100.0, NOW)
    ours.answered(101.0)
    assert ours.room(106.9, 0) == 0
    assert ours.room(107.0, 0) == 1
    assert ours.pause is None


def test_a_blocked_way_is_tried_every_five_minutes_and_a_full_plan_the_next_day() -> None:
    """F011, F013"""
    ours = pace()
    ours.failed(SendingBlocked("unauthorized", status=401), 0.0, NOW)
    first = ours.pause
    assert first is not None
    assert first.until == 300
    assert ours.room(300.0, 0) == 1
    assert ours.pause is first, "it is over only when a call has shown it"
    ours.failed(SendingBlocked("limit_reached", status=403), 300.0, NOW)
    assert ours.wait_of_pause(300.0) == until_tomorrow(NOW)


def test_the_fourth_strange_success_in_a_row_pauses() -> None:
    """F023"""
    ours = pace()
    strange = SuspiciousAnswer("suspicious_endpoint", status=200)
    for _ in range(3):
        ours.failed(strange, 0.0, NOW)
        assert ours.pause is None
    ours.failed(strange, 0.0, NOW)
    assert ours.pause == Pause(300.0, "suspicious_endpoint", str(strange))


def test_a_quota_that_is_used_up_holds_calls_before_they_are_refused() -> None:
    """F010"""
    ours = pace()
    ours.answered(0.0)
    ours.quota(Quota(2, NOW + 30), 0, 0.0, NOW)
    assert ours.room(0.0, 0) == 2
    ours.quota(Quota(0, NOW + 30), 0, 1.0, NOW)
    assert ours.room(30.9, 0) == 0
    assert ours.wait(1.0) == 30
    assert ours.room(31.1, 0) == 1


def test_a_pause_of_the_leader_before_is_kept() -> None:
    ours = pace()
    ours.hold(Pause(10.0, "rate_limited"))
    assert ours.room(9.9, 0) == 0
    assert ours.room(10.0, 0) == 1
