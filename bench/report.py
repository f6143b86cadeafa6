"""What was measured, as a Markdown table that says what was asked and whether it was reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from bench.rounds import Ratio

_HEAD = ("work", "authd", "beside it", "ratio (lowest to highest)", "asked", "")


class Row(Protocol):
    def cells(self) -> tuple[str, ...]:
        """Give the cells of a line."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two measured in the same rounds."""

    work: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    at_least: float | None = None  # the asked ratio, or
    at_most: float | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = Ratio.of(self.ours, self.theirs)
        spread = f"{ratio.middle:.2f} times ({ratio.lowest:.2f} to {ratio.highest:.2f})"
        values = (f"{median(self.ours):,.0f} {self.unit}", f"{median(self.theirs):,.0f} {self.unit}")
        return (self.work, *values, spread, *_judged(ratio.middle, self.at_least, self.at_most, "times", 3))


@dataclass(frozen=True, slots=True)
class Measured:
    """One that is held against a figure."""

    work: str
    unit: str
    ours: Sequence[float]
    at_most: float
    digits: int = 0
    theirs: Sequence[float] = ()  # for orientation

    def cells(self) -> tuple[str, ...]:
        ours, beside = (
            f"{median(values):.{self.digits}f} {self.unit}" if values else "" for values in (self.ours, self.theirs)
        )
        return (self.work, ours, beside, "", *_judged(median(self.ours), None, self.at_most, self.unit, self.digits))


def markdown(title: str, conditions: Sequence[str], rows: Sequence[Row]) -> str:
    """Give the whole report."""
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *(_line(row.cells()) for row in rows)]
    return "\n".join([f"# {title}", "", *(f"- {condition}" for condition in conditions), "", *lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _judged(value: float, at_least: float | None, at_most: float | None, unit: str, digits: int) -> tuple[str, str]:
    if at_least is not None:
        reached, asked = value >= at_least, f"at least {at_least} {unit}"
    elif at_most is not None:
        reached, asked = value <= at_most, f"at most {at_most} {unit}"
    else:
        return "", ""
    return asked, f"{'reached' if reached else 'NOT reached'}: {value:.{digits}f} {unit}"
