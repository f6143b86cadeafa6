"""Numbers as the operator's page shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.observe import figures


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (0.001, "<0.01"), (0.25, "0.25"), (9.994, "9.99"), (9.996, "10.0"), (99.96, "100"), (12345.6, "12,346")],
)
def test_rates(number: float, shown: str) -> None:
    assert figures.rate(number) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, "—"), (0, 9, "0 %"), (9, 9, "100 %"), (1, 3, "33.3 %"), (1, 10**6, "0.1 %"), (10**6 - 1, 10**6, "99.9 %")],
)
def test_shares(part: float, whole: float, shown: str) -> None:
    assert figures.share(part, whole) == shown


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_only_nothing_is_shown_as_nothing_and_only_all_as_all(part: int, more: int) -> None:
    assert figures.share(part, part + more) not in ("0 %", "100 %", "0.0 %", "100.0 %")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "—"), (0.00005, "0.05 ms"), (0.0012, "1.2 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (2.46, "2.5 s")],
)
def test_times(seconds: float | None, shown: str) -> None:
    assert figures.time(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59.9, "59 s"), (3600, "1 h 0 min"), (93_784, "1 d 2 h"), (86_400, "1 d 0 h")]
)
def test_ages(seconds: float, shown: str) -> None:
    assert figures.age(seconds) == shown
