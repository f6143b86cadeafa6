"""The last minutes of the plain counters, for charts."""

import asyncio
from array import array
from collections.abc import Callable, Mapping

INTERVAL = 10.0  # seconds between two looks
SPANS = 90  # that are kept: a quarter of an hour
MINUTE = 6  # spans

Reading = Mapping[str, float]


class History:
    """Looks at numbers once each `INTERVAL` and keeps the last `SPANS` + 1 looks: 8 bytes for each number of each look.

    What a look no longer finds is forgotten; what it finds first counts as unchanged before, and what has become less
    has begun anew and grew by nothing.
    """

    def __init__(self, read: Callable[[], Reading], clock: Callable[[], float]) -> None:
        """`read` gives the numbers by name, `clock` seconds that only grow."""
        self._read = read
        self._clock = clock
        self._times = array("d")
        self._numbers: dict[str, array[float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look now, and from now on."""
        self.look()
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.start)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Keep what the numbers are now; the oldest look goes when there are too many."""
        reading, looks = self._read(), len(self._times)
        self._numbers = {
            name: self._numbers.get(name) or array("d", [value]) * looks for name, value in reading.items()
        }
        for name, value in reading.items():
            _append(self._numbers[name], value)
        _append(self._times, self._clock())

    def values(self, name: str) -> list[float]:
        """What a number was at the end of each span, the oldest first."""
        return self._sums((name,))[1:]

    def rates(self, *names: str) -> list[float]:
        """By how much the sum of these numbers grew a second in each span, the oldest first."""
        sums = self._sums(names)
        return [
            max(0.0, after - before) / (end - start) if end > start else 0.0
            for before, after, start, end in zip(sums, sums[1:], self._times, self._times[1:], strict=False)
        ]

    def growth(self, *names: str) -> list[float]:
        """By how much the sum of these numbers had grown at the end of each span within the minute before."""
        sums = self._sums(names)
        return [max(0.0, now - sums[max(0, number - MINUTE)]) for number, now in enumerate(sums)][1:]

    def _sums(self, names: tuple[str, ...]) -> list[float]:
        found = [self._numbers[name] for name in names if name in self._numbers]
        return [sum(each) for each in zip(*found, strict=True)] if found else [0.0] * len(self._times)


def _append(ring: "array[float]", value: float) -> None:
    ring.append(value)
    del ring[: -(SPANS + 1)]
