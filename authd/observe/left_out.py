"""Decisions that got no line: each is counted, and a line tells how many there were."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from authd.observe.counters import LogCounters, Reason

INTERVAL = 10.0  # seconds from the first that is left out to the line that tells how many were


class LeftOut:
    """Counts by reason and outcome: in all for metrics, and since the last line."""

    def __init__(
        self,
        counters: LogCounters,
        tell: Callable[[dict[str, str]], bool],
        call_later: Callable[[float, Callable[[], None]], object],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`tell` writes the fields of a line, or gives False: they are told later with what comes until then."""
        self._counters = counters
        self._tell = tell
        self._call_later = call_later
        self._now = now
        self._untold: dict[Reason, Counter[str]] = {}
        self._since: dict[Reason, datetime] = {}

    def add(self, reason: Reason, outcome: str) -> None:
        """Count one."""
        self._counters.left_out[reason, outcome] += 1
        if not self._untold:
            self._call_later(INTERVAL, self._tell_again)
        if reason not in self._untold:
            self._untold[reason], self._since[reason] = Counter(), self._now()
        self._untold[reason][outcome] += 1

    def tell(self) -> None:
        """Tell all that is untold."""
        for reason, counts in list(self._untold.items()):
            fields = {
                "event": "left_out",
                "reason": reason.value,
                "count": str(counts.total()),
                "since": f"{self._since[reason]:%Y-%m-%dT%H:%M:%SZ}",
                **{outcome: str(count) for outcome, count in sorted(counts.items())},
            }
            if self._tell(fields):
                del self._untold[reason]

    def _tell_again(self) -> None:
        self.tell()
        if self._untold:
            self._call_later(INTERVAL, self._tell_again)
