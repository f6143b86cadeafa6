"""Settings to pieces; the one place that knows them all."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from authd.config.load import Loaded
from authd.config.settings import BackendSettings, HelperSettings, RouteSettings, Settings
from authd.daemon.backends import checks_at_once, decides_by_client, made, placement, started
from authd.decide.authenticator import Authenticator, Steps
from authd.decide.cache import Cache
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.digest import KEY_BYTES, Digester
from authd.decide.failure_delay import FailureDelay
from authd.decide.queue import OWNER_SLOT, BackendQueue
from authd.decide.route import Route, route_of
from authd.decide.single_flight import SingleFlight
from authd.decide.threads import Threads
from authd.decide.throttle import Throttle
from authd.helper.client import HelperClient
from authd.server.connection import Connections, Limits
from authd.server.counters import ConnectionCounters
from authd.server.desk import Desk
from authd_backends.contract import Placement, Request, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Daemon:
    """The pieces of one configuration at work."""

    connections: Connections
    counters: Counters


def assemble(loaded: Loaded, record: Callable[[Decision], None], max_connections: int) -> Daemon:
    """Make the pieces on the running loop and start the backends.

    Raises OptionError where a backend cannot work as configured.
    """
    settings = loaded.settings
    members = {each.name: _member(each, settings.helper, loaded.digest) for each in settings.backends}
    counters = Counters()
    authenticator = Authenticator(
        _routes(settings, members), _steps(settings), (counters.count, record), time.monotonic
    )
    connections = Connections(
        Desk(authenticator, answer_texts=settings.server.answer_texts),
        Limits(max_connections, settings.server.request_deadline, settings.server.read_deadline),
        ConnectionCounters(),
        time.monotonic,
    )
    return Daemon(connections, counters)


def _steps(settings: Settings) -> Steps:
    chance = random.SystemRandom().random
    return Steps(
        cache=Cache(settings.cache, time.monotonic, chance),
        throttle=Throttle(settings.throttle, time.monotonic),
        flights=SingleFlight(),
        delay=FailureDelay(settings.throttle.failure_delay, settings.server.request_deadline, chance),
        digester=Digester(secrets.token_bytes(KEY_BYTES)),
        throttle_answer=settings.throttle.answer,
    )


def _member(settings: BackendSettings, helper: HelperSettings, digest: bytes) -> Member:
    kind = placement(settings)
    uses_client = decides_by_client(settings)
    if kind is Placement.HELPER:
        if not helper.path.exists():
            log.warning("backend %s: unavailable until authd helper runs: no socket %s", settings.name, helper.path)
        client = HelperClient(settings.name, helper.path, digest, helper.min_idle, time.monotonic)
        ask = _queue(settings, _as_tasks(client.check), cancellable=True).ask
        generation = made(
            settings
        ).generation  # of an instance that is never asked: what it looks at needs no privilege
        return Member(settings.name, settings.type, ask, generation, uses_client=uses_client)
    backend = started(settings)
    generation = backend.generation
    match kind:
        case Placement.INLINE:
            check: Callable[[Request], Verdict] = backend.check
            return Member(settings.name, settings.type, lambda request, _: check(request), generation, is_inline=True)
        case Placement.THREAD:
            threads = Threads(settings.name, backend.check, checks_at_once(settings) + OWNER_SLOT)
            ask = _queue(settings, threads.run, cancellable=False).ask
        case Placement.LOOP:
            ask = _queue(settings, _as_tasks(backend.check), cancellable=True).ask
    return Member(settings.name, settings.type, ask, generation, uses_client=uses_client)


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


def _routes(settings: Settings, members: dict[str, Member]) -> list[Route]:
    entries = settings.routes or (RouteSettings(name="default", backends=tuple(members)),)
    return [_route(entry, number, settings, members) for number, entry in enumerate(entries, 1)]


def _route(entry: RouteSettings, number: int, settings: Settings, members: dict[str, Member]) -> Route:
    chain = Chain([members[name] for name in entry.backends], entry.on_wrong_password, entry.on_unavailable)
    options = [each for each in settings.backends if each.name in entry.backends]
    return route_of(replace(entry, cache=entry.cache and settings.cache.enabled), number, chain, options)
