"""Counts and durations of every job, kept as plain numbers and told when somebody asks.

The client library's own counters take a lock and walk through their buckets: four of them
cost a tenth of a quick job. These belong to one event loop and need neither.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Tally(Collector):
    """A counter with labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: Counter[Labels] = Counter()

    def add(self, *labels: str) -> None:
        """One more of *labels*, as many as there are names."""
        self._counts[labels] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What has been counted."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in list(self._counts.items()):
            family.add_metric(labels, count)
        yield family


class Spread:
    """How often a duration fell below each bound, and the sum of all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """One more; a bound belongs to what is below it."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum_s += seconds

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """The cumulative buckets, as Prometheus has them, and the sum."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True)), self._sum_s


class Spreads(Collector):
    """A histogram with labels."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, bounds
        self._spreads: dict[Labels, Spread] = {}

    def of(self, *labels: str) -> Spread:
        """The spread of *labels*, as many as there are names."""
        found = self._spreads.get(labels)
        if found is None:
            found = self._spreads[labels] = Spread(self._bounds)
        return found

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What has been measured."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, spread in list(self._spreads.items()):
            buckets, sum_s = spread.told()
            family.add_metric(labels, buckets, sum_s)
        yield family
