"""Times out of the counts of a histogram."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.decide.histogram import BOUNDS, Histogram
from authd.observe.quantiles import quantile

durations = st.lists(st.floats(0, 9.9), min_size=1, max_size=50)


def counts_of(seconds: list[float]) -> list[int]:
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    return histogram.counts


def test_nothing_has_no_quantile() -> None:
    assert quantile(0.5, counts_of([])) is None


def test_within_a_bucket_times_are_spread_evenly() -> None:
    assert quantile(0.5, counts_of([0.002] * 10)) == pytest.approx((0.001 + 0.0025) / 2)


def test_beyond_the_last_bound_there_is_no_telling() -> None:
    assert quantile(0.95, counts_of([3600.0])) == BOUNDS[-1]


@given(durations, st.floats(0.01, 1))
def test_as_many_ended_in_time_as_it_says(seconds: list[float], share: float) -> None:
    found = quantile(share, counts_of(seconds))

    assert found is not None
    bound = next(bound for bound in BOUNDS if bound >= found * (1 - 1e-9))
    assert sum(each <= bound for each in seconds) >= share * len(seconds) * (1 - 1e-9)


@given(durations)
def test_a_larger_share_takes_no_less(seconds: list[float]) -> None:
    counts = counts_of(seconds)
    half, most = quantile(0.5, counts), quantile(0.95, counts)

    assert half is not None
    assert most is not None
    assert half <= most
