"""Small charts as inline SVG. They stretch to the width that the page gives them; the text around them does not."""

from collections.abc import Iterator, Mapping, Sequence

from authd.observe.markup import Markup, element

HEIGHT = 1000  # of the drawing, in units of its own: whole numbers are fine enough, short, and quickly written
LEAST = 10  # of what is drawn at all: one failure among thousands has to be seen
ROUND = (1, 2, 5, 10)  # what the top of a scale may begin with


def columns(label: str, layers: Mapping[str, Sequence[float]], spans: int, top: float) -> Markup:
    """Give stacked columns, the latest at the right: one for each span of time, the first layer at the bottom.

    `layers` by their CSS class. `top` is what the full height stands for, `label` what is read out in its place.
    """
    drawn = []
    below = [0.0] * max(map(len, layers.values()), default=0)
    for kind, values in layers.items():
        above = [low + value for low, value in zip(below, values, strict=True)]
        drawn.append(element("path", class_=kind, d="".join(_boxes(below, above, spans, top))))
        below = above
    return _drawing(label, spans, *drawn)


def lines(label: str, layers: Mapping[str, Sequence[float | None]], spans: int, top: float) -> Markup:
    """Give lines, the latest value at the right; where there is none (None) a line is interrupted."""
    drawn = [
        element("path", class_=f"line {kind}", d="".join(_strokes(values, spans, top)))
        for kind, values in layers.items()
    ]
    return _drawing(label, spans, *drawn)


def scale(highest: float) -> float:
    """Give a round number to end a scale with, not below `highest`: 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return 1.0
    unit = 10.0 ** int(f"{highest:e}".partition("e")[2])
    return next(unit * step for step in ROUND if unit * step >= highest * (1 - 1e-9))


def stacked(layers: Mapping[str, Sequence[float]]) -> float:
    """Give the height of the highest column."""
    return max((sum(column) for column in zip(*layers.values(), strict=True)), default=0.0)


def _drawing(label: str, spans: int, *drawn: Markup) -> Markup:
    return element(
        "svg", *drawn, role="img", aria_label=label, viewBox=f"0 0 {spans} {HEIGHT}", preserveAspectRatio="none"
    )


def _boxes(below: Sequence[float], above: Sequence[float], spans: int, top: float) -> Iterator[str]:
    """A tenth of a column's place stays empty at either side."""
    for place, (low, high) in enumerate(zip(below, above, strict=True), spans - len(above)):
        if high > low:
            height = max(LEAST, round(HEIGHT * (high - low) / top))
            yield f"M{place}.1 {_depth(low, top)}h.8v-{height}h-.8z"


def _strokes(values: Sequence[float | None], spans: int, top: float) -> Iterator[str]:
    begins = True
    for place, value in enumerate(values, spans - len(values)):
        if value is not None:
            yield f"{'M' if begins else 'L'}{place}.5 {_depth(value, top)}h0"  # h0: one alone is seen
        begins = value is None


def _depth(value: float, top: float) -> int:
    """How far below the top of the drawing a value is."""
    return round(HEIGHT * (1 - value / top))
