"""Small charts as inline SVG. They stretch to the width that the page gives them; the text around them does not."""

from collections.abc import Iterator, Mapping, Sequence

from authd.observe.markup import Markup, element

HEIGHT = 100  # of the drawing, in units of its own
LEAST = 1.0  # of what is drawn at all: one failure among thousands has to be seen
GAP = 0.2  # of a column's place that stays empty
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
    first = spans - len(above)
    for place, (low, high) in enumerate(zip(below, above, strict=True), first):
        if high > low:
            bottom, up = HEIGHT * (1 - low / top), max(LEAST, HEIGHT * (high - low) / top)
            yield f"M{place + GAP / 2:g} {bottom:.4g}h{1 - GAP:g}v{-up:.4g}h{GAP - 1:g}z"


def _strokes(values: Sequence[float | None], spans: int, top: float) -> Iterator[str]:
    begins = True
    for place, value in enumerate(values, spans - len(values)):
        if value is not None:
            yield f"{'M' if begins else 'L'}{place + 0.5:g} {HEIGHT * (1 - value / top):.4g}h0"  # h0: one alone is seen
        begins = value is None
