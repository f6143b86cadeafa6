"""Which backends answer, found out every few seconds: for /healthz, /readyz and the metrics."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from authd.observe.http import TEXT, Reply
from authd.server.pieces import BackendAtWork, Pieces
from authd_backends.contract import Outcome

PAUSE = 2.0  # seconds between two looks
PROBE_DEADLINE = 2.0  # seconds

log = logging.getLogger(__name__)


class Health:
    """Looks at each backend: at what it has answered since the last look, and where that was nothing, by its probe.

    A backend is up whenever it has answered anybody. It is down when its probe fails, and where it has no probe of its
    own, while all it answers are outages; an overload is none. One that nobody asks and that has no probe is up.
    """

    def __init__(self, pieces: Callable[[], Pieces]) -> None:
        """`pieces` gives those at work now."""
        self.down: dict[str, str] = {}  # why, by the backend's name
        self.unreachable: set[str] = set()  # those whose last probe failed; of the helper's: while it does not listen
        self._pieces = pieces
        self._seen: dict[str, tuple[int, int]] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._looking = asyncio.get_running_loop().create_task(self._look_on())

    def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def look(self) -> None:
        """Find out about all backends at once; takes as long as a probe may."""
        backends = self._pieces().backends
        problems = await asyncio.gather(*map(self._problem, backends))
        names = [each.settings.name for each in backends]
        self._tell({name: problem for name, problem in zip(names, problems, strict=True) if problem})

    def mute_routes(self) -> dict[str, tuple[str, ...]]:
        """Give the routes that nobody can answer, each with its backends."""
        entries = self._pieces().routes
        backends = {route.name: entry.backends for entry, route in entries}
        return {name: each for name, each in backends.items() if all(backend in self.down for backend in each)}

    async def ready(self, _: Mapping[str, str]) -> Reply:
        """The page /readyz: whether some backend of each route can answer."""
        mute = self.mute_routes()
        if not mute:
            return Reply(HTTPStatus.OK, TEXT, b"ready\n")
        told = "".join(f"route {name}: no backend answers: {', '.join(each)}\n" for name, each in mute.items())
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, told.encode("utf-8", "backslashreplace"))

    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PAUSE)

    async def _problem(self, backend: BackendAtWork) -> str:
        """Why a backend is down; empty where it is up."""
        name = backend.settings.name
        answered, failed = self._since_last_look(backend)
        unreachable = "" if answered > 0 or backend.probe is None else await _probed(backend.probe)
        self.unreachable.discard(name)
        if unreachable:
            self.unreachable.add(name)
        has_own_probe = backend.probe is not None and backend.helper is None
        if failed > 0 >= answered and not unreachable and not has_own_probe:
            return "nothing but outages"
        return unreachable

    def _since_last_look(self, backend: BackendAtWork) -> tuple[int, int]:
        """How many were answered, and how many were not though there was room; less than 0 after a reload."""
        counters = backend.member.counters
        unavailable = counters.answers[Outcome.UNAVAILABLE]
        now = sum(counters.answers.values()) - unavailable, unavailable - counters.dropped
        before = self._seen.get(backend.settings.name, (0, 0))
        self._seen[backend.settings.name] = now
        return now[0] - before[0], now[1] - before[1]

    def _tell(self, down: dict[str, str]) -> None:
        for name in down.keys() - self.down.keys():
            log.warning("backend %s: down: %s", name, down[name])
        for name in self.down.keys() - down.keys():
            log.info("backend %s: up again", name)
        self.down = down


async def alive(_: Mapping[str, str]) -> Reply:
    """The page /healthz: this process answers."""
    return Reply(HTTPStatus.OK, TEXT, b"alive\n")


async def _probed(probe: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PROBE_DEADLINE):
            return await probe()
    except TimeoutError:
        return f"no answer within {PROBE_DEADLINE:g} s"
