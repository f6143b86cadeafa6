"""The ring of the last minutes."""

import asyncio
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.observe.history import INTERVAL, MINUTE, SPANS, History

totals = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=2 * SPANS).map(sorted)


def history_of(looks: list[dict[str, float]]) -> History:
    """One look each INTERVAL."""
    left, ticks = iter(looks), count()
    history = History(lambda: next(left), lambda: next(ticks) * INTERVAL)
    for _ in looks:
        history.look()
    return history


def test_rates_are_what_was_added_each_second() -> None:
    history = history_of([{"accepted": 0}, {"accepted": 50}, {"accepted": 50}, {"accepted": 70}])

    assert history.rates("accepted") == [5, 0, 2]


def test_a_look_that_comes_late_makes_no_peak() -> None:
    times, numbers = iter([0.0, INTERVAL, 5 * INTERVAL]), iter([0, 10, 50])
    history = History(lambda: {"accepted": next(numbers)}, lambda: next(times))
    for _ in range(3):
        history.look()

    assert history.rates("accepted") == [1, 1]


def test_several_numbers_are_one_sum() -> None:
    history = history_of([{"hit": 0, "negative_hit": 0}, {"hit": 10, "negative_hit": 20}])

    assert history.rates("hit", "negative_hit") == [3]
    assert history.growth("hit", "negative_hit") == [30]


def test_a_gauge_is_shown_as_it_was() -> None:
    assert history_of([{"waiting": 3}, {"waiting": 1}, {"waiting": 0}]).values("waiting") == [1, 0]


def test_growth_looks_a_minute_back() -> None:
    history = history_of([{"accepted": number} for number in range(10)])

    assert history.growth("accepted") == [1, 2, 3, 4, 5, *[MINUTE] * 4]


def test_what_comes_later_has_not_grown_before_and_what_goes_is_forgotten() -> None:
    history = history_of([{"old": 1}, {"old": 2, "new": 1000}, {"new": 1010}])

    assert history.rates("new") == [0, 1]
    assert history.rates("old") == [0, 0]


def test_what_begins_anew_has_not_shrunk() -> None:
    history = history_of([{"accepted": 500}, {"accepted": 0}, {"accepted": 20}])

    assert history.rates("accepted") == [0, 2]
    assert history.growth("accepted") == [0, 0]


@pytest.mark.parametrize("looks", [[], [{"accepted": 7.0}]])
def test_without_two_looks_there_is_no_span(looks: list[dict[str, float]]) -> None:
    history = history_of(looks)

    assert history.rates("accepted") == history.values("accepted") == history.growth("accepted") == []


@given(totals)
def test_the_latest_spans_are_kept_and_no_others(numbers: list[int]) -> None:
    history = history_of([{"accepted": number} for number in numbers])

    assert history.values("accepted") == numbers[1:][-SPANS:]
    assert history.rates("accepted") == pytest.approx([(b - a) / INTERVAL for a, b in pairwise(numbers)][-SPANS:])


def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authd.observe.history.INTERVAL", 0.001)

    async def looks() -> int:
        seen = asyncio.Event()
        ticks = count()

        def read() -> dict[str, float]:
            if (number := next(ticks)) == 3:
                seen.set()
            return {"accepted": number}

        history = History(read, asyncio.get_running_loop().time)
        history.start()
        await seen.wait()
        history.stop()
        return len(history.values("accepted"))

    assert asyncio.run(looks()) == 3
