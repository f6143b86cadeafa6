"""Plain numbers to families of samples, as prometheus-client has them. Every family's name begins with ``authd_``."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from authd.decide.histogram import BOUNDS, Histogram

_BUCKETS = (*map(str, BOUNDS), "+Inf")

Samples = Iterable[tuple[Sequence[str], float]]  # the values of the labels, and the number


def counter(name: str, text: str, labels: Sequence[str], samples: Samples) -> CounterMetricFamily:
    """Give a family of counters; `name` ends in ``_total``."""
    family = CounterMetricFamily(f"authd_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> GaugeMetricFamily:
    """Give a family of gauges."""
    family = GaugeMetricFamily(f"authd_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def number(name: str, text: str, value: float) -> GaugeMetricFamily:
    """Give a gauge without labels."""
    return GaugeMetricFamily(f"authd_{name}", text, value=value)


def count(name: str, text: str, value: float) -> CounterMetricFamily:
    """Give a counter without labels; `name` ends in ``_total``."""
    return CounterMetricFamily(f"authd_{name}", text, value=value)


def histogram(name: str, text: str, label: str, histograms: Mapping[str, Histogram]) -> HistogramMetricFamily:
    """Give a family of histograms by one label."""
    family = HistogramMetricFamily(f"authd_{name}", text, labels=[label])
    for value, each in histograms.items():
        family.add_metric([value], _cumulated(each), each.total)
    return family


def durations(name: str, text: str, each: Histogram) -> HistogramMetricFamily:
    """Give a histogram without labels."""
    return HistogramMetricFamily(f"authd_{name}", text, buckets=_cumulated(each), sum_value=each.total)


def _cumulated(histogram: Histogram) -> list[tuple[str, float]]:
    return list(zip(_BUCKETS, accumulate(histogram.counts), strict=True))
