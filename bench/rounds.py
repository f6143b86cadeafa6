"""Contenders measured in turn, so that what else the machine does meets all of them alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


def interleaved(runs: Sequence[Callable[[], T]], rounds: int) -> list[list[T]]:
    """Run each once a round, in turned order in every other round: A B, B A, A B …

    Gives the results by run and round.
    """
    results: list[list[T]] = [[] for _ in runs]
    for number in range(rounds):
        order = range(len(runs)) if number % 2 == 0 else reversed(range(len(runs)))
        for index in order:
            results[index].append(runs[index]())
    return results


@dataclass(frozen=True, slots=True)
class Ratio:
    """How often one is the other, by rounds."""

    middle: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> "Ratio":
        """Compare what was measured in the same rounds."""
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        return cls(median(ratios), min(ratios), max(ratios))
