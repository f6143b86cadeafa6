"""What was measured, as Markdown with charts: what was asked, whether it was reached, and where authd loses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from bench.charts import Group, bars
from bench.rounds import Ratio

SASLAUTHD = "saslauthd"

_HEAD = ("work", "authd", "beside it", "ratio (lowest to highest)", "asked", "")


class Row(Protocol):
    """A line of a table."""

    @property
    def work(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def loss(self) -> str:
        """Say how authd loses; nothing where it does not."""

    @property
    def other(self) -> str:
        """Name what stands beside it; nothing where nothing does."""

    def cells(self) -> tuple[str, ...]:
        """Give the cells of the line."""

    def group(self) -> Group:
        """Give the bars."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two measured in the same rounds."""

    work: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    at_least: float | None = None  # the asked ratio, or
    at_most: float | None = None
    less_is_better: bool = False
    other: str = SASLAUTHD

    @property
    def loss(self) -> str:
        ratio = Ratio.of(self.ours, self.theirs).middle
        if not _is_reached(ratio, self.at_least, self.at_most):
            return f"asked for {_asked(self.at_least, self.at_most, 'times')}, got {ratio:.2f}"
        is_behind = round(ratio, 2) > 1 if self.less_is_better else round(ratio, 2) < 1
        return f"{ratio:.2f} times {self.other}'s" if is_behind and self.other == SASLAUTHD else ""

    def cells(self) -> tuple[str, ...]:
        ratio = Ratio.of(self.ours, self.theirs)
        spread = f"{ratio.middle:.2f} times ({ratio.lowest:.2f} to {ratio.highest:.2f})"
        values = (f"{median(self.ours):,.0f} {self.unit}", f"{median(self.theirs):,.0f} {self.unit}")
        asked = _asked(self.at_least, self.at_most, "times")
        return (self.work, *values, spread, asked, _judged(self.loss, asked))

    def group(self) -> Group:
        return Group(self.work, [median(self.ours), median(self.theirs)], bool(self.loss))


@dataclass(frozen=True, slots=True)
class Measured:
    """One that is held against a figure, or is there for orientation."""

    work: str
    unit: str
    ours: Sequence[float]
    at_most: float | None = None
    digits: int = 0
    theirs: Sequence[float] = ()  # for orientation
    other: str = ""

    @property
    def loss(self) -> str:
        value = median(self.ours)
        if _is_reached(value, None, self.at_most):
            return ""
        return f"asked for {_asked(None, self.at_most, self.unit)}, got {value:.{self.digits}f}"

    def cells(self) -> tuple[str, ...]:
        ours, beside = (
            f"{median(values):,.{self.digits}f} {self.unit}" if values else "" for values in (self.ours, self.theirs)
        )
        spread = f"{min(self.ours):,.{self.digits}f} to {max(self.ours):,.{self.digits}f}" if len(self.ours) > 1 else ""
        asked = _asked(None, self.at_most, self.unit)
        return (self.work, ours, beside, spread, asked, _judged(self.loss, asked))

    def group(self) -> Group:
        return Group(self.work, [median(self.ours), median(self.theirs) if self.theirs else None], bool(self.loss))


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured of one thing."""

    title: str
    rows: Sequence[Row]

    def charts(self) -> Mapping[str, str]:
        """Give a chart for each unit, by the name of its file."""
        units = list(dict.fromkeys(row.unit for row in self.rows))
        return {
            f"{_slug(self.title)}-{_slug(unit)}.svg": self._chart([row for row in self.rows if row.unit == unit])
            for unit in units
        }

    def _chart(self, rows: Sequence[Row]) -> str:
        others = " or ".join(dict.fromkeys(row.other for row in rows if row.other))
        names = ["authd", others] if others else ["authd"]
        return bars(self.title, rows[0].unit, names, [row.group() for row in rows])


def markdown(title: str, conditions: Sequence[str], sections: Sequence[Section], charts: str = "") -> str:
    """Give the whole report; `charts` is the folder of the charts as a link has it, nothing for none."""
    lines = [f"# {title}", "", *(f"- {condition}" for condition in conditions), "", "## Where authd loses", ""]
    lines += [f"- {row.work}: {row.loss}" for section in sections for row in section.rows if row.loss] or [
        "Nowhere in this run."
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", *_table(section.rows)]
        if charts:
            lines += [line for name in section.charts() for line in ("", f"![{section.title}]({charts}/{name})")]
    return "\n".join([*lines, ""])


def _table(rows: Sequence[Row]) -> Iterator[str]:
    for cells in (_HEAD, ["---"] * len(_HEAD), *(row.cells() for row in rows)):
        yield f"| {' | '.join(cells)} |"


def _asked(at_least: float | None, at_most: float | None, unit: str) -> str:
    if at_least is not None:
        return f"at least {at_least:g} {unit}"
    return "" if at_most is None else f"at most {at_most:g} {unit}"


def _is_reached(value: float, at_least: float | None, at_most: float | None) -> bool:
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)


def _judged(loss: str, asked: str) -> str:
    if loss:
        return f"**loses: {loss}**"
    return "reached" if asked else ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.replace("µ", "u").lower()).strip("-")
