import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from topmail_flask.rules.repeats import REMEMBERED, RepeatWindow, in_sample


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_second_view_within_the_window_is_a_repeat() -> None:
    clock = Clock()
    window = RepeatWindow(60, clock)
    assert not window.is_repeat("ann sees the boots")
    clock.now += 59.9
    assert window.is_repeat("ann sees the boots")
    assert not window.is_repeat("ben sees the boots")


def test_the_window_runs_from_the_view_that_counted_and_reloads_do_not_stretch_it() -> None:
    clock = Clock()
    window = RepeatWindow(60, clock)
    answers = []
    for _ in range(13):
        answers.append(window.is_repeat("x"))
        clock.now += 10
    assert [n for n, repeat in enumerate(answers) if not repeat] == [0, 6, 12]


def test_no_window_counts_every_view() -> None:
    window = RepeatWindow(0, Clock())
    assert not any(window.is_repeat("x") for _ in range(3))


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    window = RepeatWindow(60, Clock())
    for n in range(REMEMBERED + 5):
        window.is_repeat(str(n))
    assert window.is_repeat(str(REMEMBERED))
    assert not window.is_repeat("0")


def test_of_many_threads_one_counts_also_when_the_window_is_over() -> None:
    clock = Clock()
    window = RepeatWindow(60, clock)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(200):
                clock.now += 61
                answers = pool.map(lambda _: window.is_repeat("x"), range(16))
                assert list(answers).count(False) == 1
    finally:
        sys.setswitchinterval(interval)


def test_the_bound_holds_under_threads() -> None:
    window = RepeatWindow(60, Clock())
    numbers = count()
    with ThreadPoolExecutor(8) as pool:
        for future in [
            pool.submit(lambda: [window.is_repeat(str(next(numbers))) for _ in range(5_000)])
            for _ in range(8)
        ]:
            future.result()
    window.is_repeat("the last")
    assert len(window._counted) <= REMEMBERED


def test_a_sample_keeps_its_shoppers_and_grows_with_its_rate() -> None:
    shoppers = [f"shopper{n}@example.com" for n in range(2_000)]
    tenth = {who for who in shoppers if in_sample(who, 0.1)}
    half = {who for who in shoppers if in_sample(who, 0.5)}
    assert tenth == {who for who in shoppers if in_sample(who, 0.1)}
    assert tenth < half
    assert 120 < len(tenth) < 280
    assert 850 < len(half) < 1150
    assert all(in_sample(who, 1.0) for who in shoppers)
    assert not any(in_sample(who, 0.0) for who in shoppers)
