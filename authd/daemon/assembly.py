"""Settings to pieces; the one place that knows them all."""

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, replace
from typing import Any

from authd.config.load import Loaded
from authd.config.settings import BackendSettings, HelperSettings, RouteSettings, Settings
from authd.daemon.backends import checks_at_once, decides_by_client, made, placement, started
from authd.daemon.probes import probe_of
from authd.decide.authenticator import Authenticator, Steps
from authd.decide.cache import Cache
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.digest import KEY_BYTES, Digester
from authd.decide.failure_delay import FailureDelay
from authd.decide.histogram import Histogram
from authd.decide.names import CanonicalNames
from authd.decide.queue import OWNER_SLOT, BackendQueue, Urgency
from authd.decide.route import Route, route_of
from authd.decide.single_flight import SingleFlight
from authd.decide.threads import Threads
from authd.decide.throttle import Throttle
from authd.helper.client import HelperClient
from authd.server.connection import Connections, Limits
from authd.server.counters import ConnectionCounters
from authd.server.desk import Desk
from authd.server.pieces import BackendAtWork, Pieces
from authd_backends.contract import Placement, Request, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Daemon:
    """The pieces of one configuration at work."""

    connections: Connections
    counters: Counters
    pieces: Pieces


def assemble(loaded: Loaded, record: Callable[[Decision], None], max_connections: int) -> Daemon:
    """Make the pieces on the running loop and start the backends.

    Raises OptionError where a backend cannot work as configured.
    """
    settings = loaded.settings
    backends = [_at_work(each, settings.helper, loaded.digest) for each in settings.backends]
    routes = _routes(settings, {each.settings.name: each.member for each in backends})
    steps, counters = _steps(settings), Counters(settings.routes)
    decided = (counters.count, record)
    authenticator = Authenticator([route for _, route in routes], steps, time.monotonic)
    connections = Connections(
        Desk(authenticator, decided, answer_texts=settings.server.answer_texts),
        Limits(max_connections, settings.server.request_deadline, settings.server.read_deadline),
        ConnectionCounters(),
        time.monotonic,
    )
    pieces = Pieces(settings, backends, routes, steps, decided, counters, connections, time.monotonic())
    return Daemon(connections, counters, pieces)


def _steps(settings: Settings) -> Steps:
    chance = random.SystemRandom().random
    return Steps(
        cache=Cache(settings.cache, time.monotonic, chance),
        names=CanonicalNames(),
        throttle=Throttle(settings.throttle, time.monotonic),
        flights=SingleFlight(),
        delay=FailureDelay(settings.throttle.failure_delay, settings.server.request_deadline, chance),
        digester=Digester(secrets.token_bytes(KEY_BYTES)),
        throttle_answer=settings.throttle.answer,
    )


def _at_work(settings: BackendSettings, helper: HelperSettings, digest: bytes) -> BackendAtWork:
    kind = placement(settings)
    if kind is Placement.HELPER:
        return _in_helper(settings, helper, digest)
    backend = started(settings)
    match kind:
        case Placement.INLINE:
            durations = Histogram()
            ask = _timed(backend.check, durations)
            member = Member(settings.name, settings.type, ask, backend.generation, is_inline=True)
            return BackendAtWork(settings, kind, member, durations, probe=probe_of(backend, kind, settings.name))
        case Placement.THREAD:
            threads = Threads(settings.name, backend.check, checks_at_once(settings) + OWNER_SLOT)
            queue = _queue(settings, threads.run, cancellable=False)
        case Placement.LOOP:
            queue = _queue(settings, _as_tasks(backend.check), cancellable=True)
    at_work = _queued(settings, kind, queue, backend.generation)
    return replace(at_work, probe=probe_of(backend, kind, settings.name))


def _timed(
    check: Callable[[Request], Verdict], durations: Histogram
) -> Callable[[Request, Urgency], Verdict | Awaitable[Verdict]]:
    def ask(request: Request, _: Urgency) -> Verdict:
        began = time.monotonic()
        try:
            return check(request)
        finally:
            durations.add(time.monotonic() - began)

    return ask


def _in_helper(settings: BackendSettings, helper: HelperSettings, digest: bytes) -> BackendAtWork:
    if not os.access(helper.path, os.F_OK):
        log.warning("backend %s: unavailable until authd helper runs: no socket %s", settings.name, helper.path)
    client = HelperClient(settings.name, helper.path, digest, helper.min_idle, time.monotonic)
    queue = _queue(settings, _as_tasks(client.check), cancellable=True)
    generation = made(settings).generation  # of an instance that is never asked: what it looks at needs no privilege
    probe = probe_of(client, Placement.HELPER, settings.name)
    return replace(_queued(settings, Placement.HELPER, queue, generation), helper=client, probe=probe)


def _queued(
    settings: BackendSettings, kind: Placement, queue: BackendQueue, generation: Callable[[], Hashable]
) -> BackendAtWork:
    uses_client = decides_by_client(settings)
    member = Member(settings.name, settings.type, queue.ask, generation, uses_client=uses_client)
    return BackendAtWork(settings, kind, member, queue.durations, checks_at_once(settings), queue)


def _queue(
    settings: BackendSettings, run: Callable[[Request], asyncio.Future[Verdict]], *, cancellable: bool
) -> BackendQueue:
    return BackendQueue(
        run,
        max_concurrent=checks_at_once(settings),
        max_queued=settings.max_queued,
        deadline=settings.deadline,
        cancellable=cancellable,
    )


def _as_tasks(check: Callable[[Request], Coroutine[Any, Any, Verdict]]) -> Callable[[Request], asyncio.Task[Verdict]]:
    """Run each check in a task of its own, which may use asyncio's timeouts."""
    return lambda request: asyncio.get_running_loop().create_task(check(request))


def _routes(settings: Settings, members: dict[str, Member]) -> list[tuple[RouteSettings, Route]]:
    entries = settings.routes or (RouteSettings(name="default", backends=tuple(members)),)
    return [(entry, _route(entry, number, settings, members)) for number, entry in enumerate(entries, 1)]


def _route(entry: RouteSettings, number: int, settings: Settings, members: dict[str, Member]) -> Route:
    chain = Chain([members[name] for name in entry.backends], entry.on_wrong_password, entry.on_unavailable)
    options = [each for each in settings.backends if each.name in entry.backends]
    return route_of(replace(entry, cache=entry.cache and settings.cache.enabled), number, chain, options)
