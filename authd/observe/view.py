"""The pieces at work to the picture of them that the operator's page shows."""

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from authd import __version__
from authd.config.settings import ListenerSettings, RouteSettings
from authd.decide.route import Route
from authd.observe.history import INTERVAL, SPANS, History
from authd.observe.http import Reply
from authd.observe.page import POLICY, page
from authd.observe.picture import (
    BackendPicture,
    CachePicture,
    ListenerPicture,
    Picture,
    RoutePicture,
    ThrottlePicture,
    Traffic,
)
from authd.observe.quantiles import quantile
from authd.observe.reading import BUCKETS, reading
from authd.observe.sections import Sources
from authd.server.pieces import BackendAtWork, Pieces

HTML = "text/html; charset=utf-8"
CONNECTIONS = ("accepted", "ended_early", "too_slow", "evicted", "turned_away", "out_of_descriptors")


class OperatorPage:
    """The page /, with the history that its charts need."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._history = History(lambda: reading(sources.pieces()), time.monotonic)

    def start(self) -> None:
        self._history.start()

    def stop(self) -> None:
        self._history.stop()

    async def page(self, _: Mapping[str, str]) -> Reply:
        """Give the page as things are now."""
        picture = picture_of(self._sources, self._history)
        await asyncio.sleep(0)  # clients are answered in between
        shown = page(picture)
        return Reply(HTTPStatus.OK, HTML, shown, (("Content-Security-Policy", POLICY),))


def picture_of(sources: Sources, history: History) -> Picture:
    """Take the picture."""
    pieces = sources.pieces()
    connections = pieces.connections
    helped = {each.settings.name for each in pieces.backends if each.helper is not None}
    return Picture(
        version=__version__,
        pid=os.getpid(),
        taken=datetime.now(UTC),
        uptime=time.monotonic() - pieces.started,
        interval=INTERVAL,
        spans=SPANS,
        traffic=_traffic(history),
        waiting=history.values("waiting"),
        requests=_requests(pieces),
        backends=[_backend(each, sources.health.down, history) for each in pieces.backends],
        routes=[_route(*each, is_cached=pieces.settings.cache.enabled) for each in pieces.routes],
        mute_routes=tuple(sources.health.mute_routes()),
        listeners=[_listener(each) for each in pieces.settings.listeners],
        cache=_cache(pieces, history),
        throttle=_throttle(pieces, sources.blocked),
        connections={"open": len(connections)} | {name: getattr(connections.counters, name) for name in CONNECTIONS},
        longest_lag=pieces.lag.longest,
        helper_listens=not helped & sources.health.unreachable if helped else None,
    )


def _traffic(history: History) -> Traffic:
    spans = list(zip(*map(history.growth, BUCKETS), strict=True))
    return Traffic(
        accepted=history.rates("accepted"),
        refused=history.rates("refused"),
        throttled=history.rates("throttled"),
        unavailable=history.rates("unavailable"),
        median=[quantile(0.5, counts) for counts in spans],
        slowest=[quantile(0.95, counts) for counts in spans],
    )


def _requests(pieces: Pieces) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (protocol, outcome), count in sorted(pieces.counters.by_outcome().items()):
        found.setdefault(protocol, {})[outcome] = count
    return found


def _backend(backend: BackendAtWork, down: Mapping[str, str], history: History) -> BackendPicture:
    name, queue, helper = backend.settings.name, backend.queue, backend.helper
    checks, seconds = history.growth(f"{name} checks"), history.growth(f"{name} seconds")
    return BackendPicture(
        name=name,
        type=backend.settings.type,
        placement=backend.placement.value,
        problem=down.get(name, ""),
        running=None if queue is None else queue.running,
        slots=None if queue is None else backend.slots,
        queued=None if queue is None else queue.queued,
        places=None if queue is None else backend.settings.max_queued,
        totals={outcome.value: count for outcome, count in backend.member.counters.answers.items()},
        answered=history.rates(f"{name} answered"),
        unavailable=history.rates(f"{name} unavailable"),
        took=[took / count if count else None for count, took in zip(checks, seconds, strict=True)],
        worker_deaths=None if helper is None else sum(helper.counters.deaths.values()),
    )


def _route(entry: RouteSettings, route: Route, *, is_cached: bool) -> RoutePicture:
    takes = {"services": entry.services, "realms": entry.realms, "listeners": entry.listeners}
    return RoutePicture(
        name=route.name,
        takes={key: [str(each) for each in named] for key, named in takes.items() if named is not None},
        backends=entry.backends,
        login=entry.login,
        is_cached=entry.cache and is_cached,
    )


def _listener(listener: ListenerSettings) -> ListenerPicture:
    return ListenerPicture(path=str(listener.path), protocol=listener.protocol.value, mode=listener.mode)


def _cache(pieces: Pieces, history: History) -> CachePicture:
    cache, settings = pieces.steps.cache, pieces.settings.cache
    return CachePicture(
        is_enabled=settings.enabled,
        entries=len(cache),
        lookups={lookup.value: count for lookup, count in cache.lookups.items()},
        found=history.rates("found"),
        missed=history.rates("missed"),
        evictions=cache.evictions,
    )


def _throttle(pieces: Pieces, blocked: Mapping[str, int]) -> ThrottlePicture:
    return ThrottlePicture(
        is_enabled=pieces.settings.throttle.enabled,
        users=blocked.get("user", 0),
        addresses=blocked.get("address", 0),
        throttled=dict(pieces.steps.throttle.throttled),
    )
