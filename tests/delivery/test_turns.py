"""Whose turn it is, without a file and without a clock."""

from __future__ import annotations

from topmail_flask.delivery.claiming import Turns


def nobody(_: str, __: int) -> list[str]:
    return []


def test_who_waits_in_the_table_gets_a_turn_though_nobody_reported_them() -> None:
    turns = Turns()
    known = [f"shopper-{number:02}" for number in range(25)]

    def page(behind: str, limit: int) -> list[str]:
        return [identity for identity in known if identity > behind][:limit]

    chosen = [turns.next(10, [], page, 0.0) for _ in range(4)]
    assert [len(each) for each in chosen] == [10, 10, 5, 0]
    assert sorted(identity for each in chosen for identity in each) == known


def test_a_shopper_with_views_under_way_has_no_other_turn_before_they_ended() -> None:
    turns = Turns()
    turns.arrived(["ann", "bob"])
    assert set(turns.next(9, [], nobody, 0.0)) == {"ann", "bob"}
    turns.began("ann", ["1", "2"], 60.0, more=False)
    turns.began("bob", ["3"], 60.0, more=False)
    turns.arrived(["ann"])
    assert turns.next(9, ["ann", "bob"], nobody, 1.0) == []
    turns.ended("ann", "1")
    assert turns.next(9, ["ann"], nobody, 1.0) == []
    turns.ended("ann", "2")
    assert turns.next(9, [], nobody, 1.0) == ["ann"]


def test_a_shopper_whose_lease_is_over_is_free_again() -> None:
    turns = Turns()
    turns.began("ann", ["1"], 60.0, more=False)
    assert turns.next(9, ["ann"], nobody, 59.0) == []
    assert turns.next(9, ["ann"], nobody, 60.0) == ["ann"]


def test_the_last_to_come_and_the_longest_waiting_are_served_in_turn() -> None:
    turns = Turns()
    turns.next(1, [], nobody, 0.0)  # nothing to sweep
    turns.arrived(f"s{number}" for number in range(10))
    first = turns.next(4, [], nobody, 0.0)
    assert first == ["s9", "s0", "s8", "s1"]


def test_who_is_due_comes_before_those_in_line() -> None:
    turns = Turns()
    turns.next(1, [], nobody, 0.0)
    turns.arrived(["new"])
    assert turns.next(2, ["due", "later"], nobody, 0.0) == ["due", "later"]
    assert turns.next(2, ["due"], nobody, 0.0) == ["due", "new"]


def test_a_line_that_is_too_long_forgets_nobody_for_ever() -> None:
    turns = Turns()
    everybody = [f"s{number:05}" for number in range(12_000)]

    def page(behind: str, limit: int) -> list[str]:
        return [identity for identity in everybody if identity > behind][:limit]

    turns.next(1, [], nobody, 0.0)
    turns.arrived(everybody)
    seen: set[str] = set()
    for _ in range(40):
        seen.update(turns.next(1000, [], page, 0.0))
    assert seen == set(everybody)
