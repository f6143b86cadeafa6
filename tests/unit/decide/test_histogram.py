from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.decide.histogram import BOUNDS, Histogram

seconds = st.floats(0, 100) | st.sampled_from(BOUNDS)


@given(st.lists(seconds))
def test_each_is_counted_once_up_to_its_bound_and_added_up(durations: list[float]) -> None:
    histogram = Histogram()

    for each in durations:
        histogram.add(each)

    assert sum(histogram.counts) == len(durations)
    for number, bound in enumerate(BOUNDS):
        assert sum(histogram.counts[: number + 1]) == sum(each <= bound for each in durations)
    assert histogram.total == pytest.approx(sum(durations))


def test_the_bounds_grow() -> None:
    assert [bisect_left(BOUNDS, bound) for bound in BOUNDS] == list(range(len(BOUNDS)))
