"""The drawings of the operator's page."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.observe.charts import HEIGHT, LEAST, columns, lines, scale, stacked

heights = st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=20)


@given(st.floats(1e-9, 1e12))
def test_a_scale_holds_the_highest_and_is_not_much_higher(highest: float) -> None:
    assert highest * (1 - 1e-9) <= scale(highest) <= highest * 2.5 * (1 + 1e-6)


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (0.0013, 0.002), (1, 1), (4.2, 5), (51, 100), (9.99999999, 10)])
def test_a_scale_ends_with_a_round_number(highest: float, top: float) -> None:
    assert scale(highest) == pytest.approx(top)


def test_columns_stand_on_one_another_the_latest_at_the_right() -> None:
    drawn = columns("told", {"accepted": [1.0, 2.0], "failed": [0.0, 1.0]}, spans=4, top=4.0)

    assert 'viewBox="0 0 4 1000"' in drawn
    assert '<path class="accepted" d="M2.1 1000h.8v-250h-.8zM3.1 1000h.8v-500h-.8z">' in drawn
    assert '<path class="failed" d="M3.1 500h.8v-250h-.8z">' in drawn


def test_one_among_thousands_is_seen() -> None:
    assert f"v-{LEAST}h" in columns("told", {"failed": [0.01]}, spans=1, top=5000.0)


@given(heights)
def test_every_column_is_within_the_drawing(values: list[float]) -> None:
    layers = {"accepted": values, "failed": values}
    drawn = columns("told", layers, spans=20, top=scale(stacked(layers)))

    boxes = re.findall(r"M(\d+)\.1 (\d+)h\.8v-(\d+)h-\.8z", drawn)
    assert len(boxes) == 2 * sum(value > 0 for value in values)
    for place, bottom, height in boxes:
        assert 20 - len(values) <= int(place) < 20
        assert LEAST <= int(height) <= int(bottom) + LEAST
        assert int(bottom) <= HEIGHT


def test_a_line_is_interrupted_where_nothing_was_timed() -> None:
    drawn = lines("told", {"median": [1.0, None, 2.0, 1.0]}, spans=4, top=2.0)

    assert 'd="M0.5 500h0M2.5 0h0L3.5 500h0"' in drawn


def test_what_is_drawn_is_told() -> None:
    assert 'role="img" aria-label="a &lt;b&gt;"' in lines("a <b>", {"median": []}, spans=4, top=1.0)
