"""Settings to pieces; the one place that knows them all."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from authd.config.settings import BackendSettings, RouteSettings, Settings
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.loop_checks import LoopChecks
from authd.decide.route import Route, route_of
from authd.decide.threads import Threads
from authd.server.connection import Connections, Limits
from authd.server.counters import ConnectionCounters
from authd.server.desk import Desk
from authd_backends.contract import AnyBackend, Placement
from authd_backends.errors import Unavailable
from authd_backends.registry import backend_type

log = logging.getLogger(__name__)

WAITING_AT_ONCE = 32  # max_concurrent of a backend that waits for its store


@dataclass(frozen=True, slots=True)
class Daemon:
    """The pieces of one configuration at work."""

    connections: Connections
    counters: Counters
    backends: Sequence[AnyBackend]


def assemble(settings: Settings, record: Callable[[Decision], None], max_connections: int) -> Daemon:
    """Make the pieces on the running loop and start the backends.

    Raises OptionError where a backend cannot work as configured. One whose store is out is kept: it may come back.
    """
    backends = {each.name: _started(each) for each in settings.backends}
    members = {each.name: _member(each, backends[each.name]) for each in settings.backends}
    counters = Counters()
    authenticator = Authenticator(_routes(settings, members), (counters.count, record), time.monotonic)
    connections = Connections(
        Desk(authenticator, answer_texts=settings.server.answer_texts),
        Limits(max_connections, settings.server.request_deadline, settings.server.read_deadline),
        ConnectionCounters(),
        time.monotonic,
    )
    return Daemon(connections, counters, list(backends.values()))


def _started(settings: BackendSettings) -> AnyBackend:
    backend: AnyBackend = backend_type(settings.type)(settings.options)
    try:
        backend.start()
    except Unavailable as outage:
        log.warning("backend %s: unavailable: %s", settings.name, outage)
    return backend


def _member(settings: BackendSettings, backend: AnyBackend) -> Member:
    at_once = settings.max_concurrent or (_cores() if backend.hashes_passwords else WAITING_AT_ONCE)
    match backend.placement:
        case Placement.INLINE:
            return Member(settings.name, settings.type, backend.check)
        case Placement.THREAD:
            threads = Threads(
                settings.name,
                backend.check,  # type: ignore[arg-type]  # the placement tells which of the two contracts it keeps
                max_concurrent=at_once,
                max_queued=settings.max_queued,
                deadline=settings.deadline,
            )
            return Member(settings.name, settings.type, threads.ask)
        case Placement.LOOP:
            checks = LoopChecks(
                backend.check,  # type: ignore[arg-type]
                max_concurrent=at_once,
                max_queued=settings.max_queued,
                deadline=settings.deadline,
            )
            return Member(settings.name, settings.type, checks.ask)
        case Placement.HELPER:
            raise NotImplementedError(f"{settings.type} runs in the privileged helper, which does not exist yet")


def _routes(settings: Settings, members: dict[str, Member]) -> list[Route]:
    entries = settings.routes or (RouteSettings(name="default", backends=tuple(members)),)
    return [_route(entry, number, members) for number, entry in enumerate(entries, 1)]


def _route(settings: RouteSettings, number: int, members: dict[str, Member]) -> Route:
    chain = Chain([members[name] for name in settings.backends], settings.on_wrong_password, settings.on_unavailable)
    return route_of(settings, number, chain)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
