"""When a leader may end: not while anything waits that it could send, on disk or in memory."""

from __future__ import annotations

from tests.delivery.entry_making import entry, fill, outbox
from topmail_flask.delivery.attempt import Job, Outcome, SenderThreads
from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.journal import RingBuffer
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.sender import Sender
from topmail_flask.model.errors import RetryLater
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings


def test_what_was_accepted_since_the_last_turn_keeps_the_leader() -> None:
    """F054: it lies in memory, and is lost if the process ends now."""
    settings, ring = (
        Settings.from_config({"TOPMAIL_API_KEY": "tm_test_0123456789abcdef"}),
        RingBuffer(),
    )
    crew = SenderThreads(TopMailClient.of(settings), Wakeup())
    sender = Sender(outbox(None), crew, settings, Receivers(None, None), ring)
    assert not sender.useful
    ring.put(entry().to_line())
    assert sender.useful


def test_the_shop_is_told_of_what_finds_no_room_in_memory_when_the_leader_ends() -> None:
    """F110: the leader's outbox was in memory, and holds more than the process may."""
    settings = Settings.from_config({"TOPMAIL_API_KEY": "tm_test_0123456789abcdef"})
    told: list[tuple[str, Reason]] = []
    receivers = Receivers(None, lambda event, reason: told.append((event.key, reason)))
    threads, books = SenderThreads(TopMailClient.of(settings), Wakeup()), outbox(None)
    ring = RingBuffer(max_entries=3)
    fill(books, [entry(number) for number in range(5)])
    Sender(books, threads, settings, receivers, ring).close()
    assert told == [("key-0", Reason.OVERFLOW), ("key-1", Reason.OVERFLOW)]
    assert ring.stats().reasons == {Reason.OVERFLOW: 2}
    assert len(ring) == 3


def test_calls_that_were_just_given_to_a_thread_end_when_the_sender_does() -> None:
    """The thread has not begun: else whoever leads next would wait for calls that nobody makes."""

    def fails(_client: TopMailClient, job: Job) -> Outcome:
        return Outcome(job, RetryLater("busy"))

    job = Job(Row(entry(), 0, 0.0))
    settings = Settings.from_config({"TOPMAIL_API_KEY": "tm_test_0123456789abcdef"})
    for _ in range(50):
        reported = Wakeup()
        threads = SenderThreads(TopMailClient.of(settings), reported, fails)
        assert threads.submit([job])
        while not threads.shutdown():
            assert reported.wait(20)
        outcomes, left = threads.completed()
        assert len(outcomes) + len(left) == 1
        threads.close()
