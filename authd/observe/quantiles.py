"""How long all but a few took, as far as the counts of a histogram tell."""

from collections.abc import Sequence
from itertools import accumulate

from authd.decide.histogram import BOUNDS


def quantile(share: float, counts: Sequence[float]) -> float | None:
    """Give the seconds within which a `share` (0 to 1) of them ended, by Prometheus's rule; None where there are none.

    Within a bucket times are taken to be spread evenly; beyond the last bound they are taken to be that.
    """
    total = sum(counts)
    if total <= 0:
        return None
    wanted = share * total
    lower = 0.0
    for upper, count, reached in zip(BOUNDS, counts, accumulate(counts), strict=False):
        if reached >= wanted and count > 0:
            return lower + (upper - lower) * (wanted - (reached - count)) / count
        lower = upper
    return BOUNDS[-1]
