"""How far the event loop falls behind its own timers."""

import asyncio
from dataclasses import dataclass, field

from authd.decide.histogram import Histogram

INTERVAL = 0.1  # seconds between two looks
TOO_LATE = 0.05  # seconds behind from which a look is counted


@dataclass(slots=True)
class LagCounters:
    looks: int = 0
    too_late: int = 0
    longest: float = 0.0  # seconds
    lateness: Histogram = field(default_factory=Histogram)


class LoopLag:
    """A timer that notes how late it is called."""

    def __init__(self) -> None:
        self.counters = LagCounters()
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = self._loop.time() + INTERVAL
        self._timer = self._loop.call_at(self._due, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        late = self._loop.time() - self._due
        self.counters.looks += 1
        self.counters.lateness.add(late)
        self.counters.too_late += late > TOO_LATE
        self.counters.longest = max(self.counters.longest, late)
        self.start()
