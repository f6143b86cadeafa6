"""What shows a running front to others over HTTP. Imported only where `[metrics]` asks for it: it needs a library."""

import asyncio
from collections.abc import Callable

from authd.control import tables
from authd.observe.counters import LogCounters, ReloadCounters
from authd.observe.exporter import Exporter
from authd.observe.health import Health, alive
from authd.observe.metrics import Metrics
from authd.observe.processes import collectors
from authd.observe.sections import Sources
from authd.observe.view import OperatorPage
from authd.server.pieces import Pieces
from authd.unix.listening import Listening

COUNTING_PAUSE = 10.0  # seconds between two looks at who is blocked: the tables may be large


class Observation:
    """The pages at `[metrics] listen`, and what has to go on so that they can be made."""

    def __init__(
        self, listening: Listening, pieces: Callable[[], Pieces], reloads: ReloadCounters, lines: LogCounters
    ) -> None:
        """`pieces` gives those at work now."""
        self._pieces = pieces
        self._blocked = {"user": 0, "address": 0}
        self._counting: asyncio.Task[None] | None = None
        self.health = Health(pieces)
        sources = Sources(pieces, self.health, reloads, lines, self._blocked, collectors(pieces))
        self._operator = OperatorPage(sources)
        pages = {
            "/": self._operator.page,
            "/metrics": Metrics(sources).page,
            "/healthz": alive,
            "/readyz": self.health.ready,
        }
        self._exporter = Exporter(listening.socket, pages)

    def start(self) -> None:
        self._counting = asyncio.get_running_loop().create_task(self._count_blocked())
        self.health.start()
        self._operator.start()
        self._exporter.start()

    def stop(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
        self.health.stop()
        self._operator.stop()
        self._exporter.stop()

    async def _count_blocked(self) -> None:
        while True:
            throttle = self._pieces().steps.throttle
            self._blocked["user"] = (await tables.counts(throttle.users, throttle.user_limit, 0)).blocked
            self._blocked["address"] = (await tables.counts(throttle.addresses, throttle.address_limit, 0)).blocked
            await asyncio.sleep(COUNTING_PAUSE)
