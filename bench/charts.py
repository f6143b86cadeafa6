"""Bars as SVG: pure, and without a library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
_LABELS = 300  # of the width
_VALUES = 130
_BAR, _GAP = 13, 12  # heights
_HEAD = 50
_COLOURS = ("#2563eb", "#9ca3af")
_FONT = 'font-family="sans-serif" font-size="12"'
_MARK = "#b91c1c"  # of what is said of a group that lost


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that belong together, one for each name of the chart; no value, no bar."""

    label: str
    values: Sequence[float | None]
    loses: bool = False


def bars(title: str, unit: str, names: Sequence[str], groups: Sequence[Group]) -> str:
    """Draw a chart with lying bars, from 0 on; `names` say whose the first bar of each group is, and the second."""
    highest = max((value for group in groups for value in group.values if value is not None), default=0.0) or 1.0
    height = _HEAD + sum(_height(group) for group in groups)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {_FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(10, 20, f"{title} ({unit})", weight="bold"),
        *_legend(names),
    ]
    top = _HEAD
    for group in groups:
        drawn += _group(group, top, highest)
        top += _height(group)
    return "\n".join([*drawn, "</svg>", ""])


def _height(group: Group) -> int:
    return _BAR * len(group.values) + _GAP


def _legend(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        left = _LABELS + 150 * number
        yield f'<rect x="{left}" y="31" width="10" height="10" fill="{_COLOURS[number]}"/>'
        yield _text(left + 15, 40, name)


def _group(group: Group, top: int, highest: float) -> Iterator[str]:
    middle = top + _BAR * len(group.values) // 2 + 4
    yield _text(_LABELS - 10, middle, group.label, anchor="end", colour=_MARK if group.loses else "#111827")
    for number, value in enumerate(group.values):
        if value is None:
            continue
        width = max(round((WIDTH - _LABELS - _VALUES) * value / highest), 1)
        y = top + _BAR * number
        yield f'<rect x="{_LABELS}" y="{y}" width="{width}" height="{_BAR - 2}" fill="{_COLOURS[number]}"/>'
        said = f"{shown(value)}{' (loses)' if group.loses and not number else ''}"
        yield _text(_LABELS + width + 6, y + 10, said, colour=_MARK if group.loses and not number else "#111827")


def shown(value: float) -> str:
    """Write a figure with as many digits as tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _text(x: int, y: int, text: str, *, anchor: str = "start", weight: str = "normal", colour: str = "#111827") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
