"""Taking turns, and what comes out."""

from functools import partial

from bench.rounds import Ratio, interleaved


def test_the_contenders_take_turns_at_being_first() -> None:
    order: list[str] = []

    interleaved([partial(order.append, "A"), partial(order.append, "B")], rounds=4)

    assert "".join(order) == "ABBAABBA"


def test_the_results_are_those_of_each_contender_by_round() -> None:
    counts = {"A": iter(range(3)), "B": iter(range(10, 13))}

    results = interleaved([lambda: next(counts["A"]), lambda: next(counts["B"])], rounds=3)

    assert results == [[0, 1, 2], [10, 11, 12]]


def test_a_ratio_is_one_of_rounds_and_not_of_medians() -> None:
    """What disturbed a round has disturbed both."""
    assert Ratio.of([10, 1, 30], [5, 1, 10]) == Ratio(middle=2, lowest=1, highest=3)
