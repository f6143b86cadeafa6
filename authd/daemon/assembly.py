"""Settings to pieces; the one place that knows them all."""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from authd.config.settings import RouteSettings, Settings
from authd.decide.authenticator import Authenticator, Steps
from authd.decide.cache import Cache
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.digest import KEY_BYTES, Digester
from authd.decide.failure_delay import FailureDelay
from authd.decide.names import CanonicalNames
from authd.decide.owners import Owners
from authd.decide.route import Route, route_of
from authd.decide.single_flight import SingleFlight
from authd.decide.throttle import Throttle
from authd.server.connection import Connections, Limits
from authd.server.counters import ConnectionCounters
from authd.server.desk import Desk
from authd.server.loop_lag import LagCounters
from authd.server.pieces import BackendAtWork, Pieces

CHANCE = random.SystemRandom().random


def assemble(
    settings: Settings,
    backends: Sequence[BackendAtWork],
    record: Callable[[Decision], None],
    max_connections: int,
    lag: LagCounters,
) -> Pieces:
    """Put the pieces together, on the running loop."""
    steps, counters = _steps(settings), Counters(settings.routes)
    decided = (counters.count, record)
    routes, desk = _desk(settings, backends, steps, decided)
    limits = _limits(settings, max_connections)
    connections = Connections(desk, limits, ConnectionCounters(), time.monotonic)
    return Pieces(settings, backends, routes, steps, decided, counters, connections, lag, time.monotonic())


def reassemble(
    pieces: Pieces,
    settings: Settings,
    backends: Sequence[BackendAtWork],
    record: Callable[[Decision], None],
    max_connections: int,
) -> Pieces:
    """Put the pieces together anew, around all that is remembered, counted and connected."""
    steps, counters = pieces.steps, pieces.counters
    steps.cache.adopt(settings.cache)
    steps.throttle.adopt(settings.throttle)
    steps = replace(steps, delay=_delay(settings), throttle_answer=settings.throttle.answer)
    counters.know(settings.routes)
    decided = (counters.count, record)
    routes, desk = _desk(settings, backends, steps, decided)
    pieces.connections.adopt(desk, _limits(settings, max_connections))
    return replace(pieces, settings=settings, backends=backends, routes=routes, steps=steps, decided=decided)


def _desk(
    settings: Settings,
    backends: Sequence[BackendAtWork],
    steps: Steps,
    decided: Sequence[Callable[[Decision], None]],
) -> tuple[list[tuple[RouteSettings, Route]], Desk]:
    routes = _routes(settings, {each.settings.name: each.member for each in backends})
    authenticator = Authenticator([route for _, route in routes], steps, time.monotonic)
    return routes, Desk(authenticator, decided, answer_texts=settings.server.answer_texts)


def _limits(settings: Settings, max_connections: int) -> Limits:
    return Limits(max_connections, settings.server.request_deadline, settings.server.read_deadline)


def _steps(settings: Settings) -> Steps:
    cache, digester = Cache(settings.cache, time.monotonic, CHANCE), Digester(secrets.token_bytes(KEY_BYTES))
    return Steps(
        cache=cache,
        names=CanonicalNames(),
        owners=Owners(cache, digester),
        throttle=Throttle(settings.throttle, time.monotonic),
        flights=SingleFlight(),
        delay=_delay(settings),
        digester=digester,
        throttle_answer=settings.throttle.answer,
    )


def _delay(settings: Settings) -> FailureDelay:
    return FailureDelay(settings.throttle.failure_delay, settings.server.request_deadline, CHANCE)


def _routes(settings: Settings, members: dict[str, Member]) -> list[tuple[RouteSettings, Route]]:
    entries = settings.routes or (RouteSettings(name="default", backends=tuple(members)),)
    return [(entry, _route(entry, number, settings, members)) for number, entry in enumerate(entries, 1)]


def _route(entry: RouteSettings, number: int, settings: Settings, members: dict[str, Member]) -> Route:
    chain = Chain([members[name] for name in entry.backends], entry.on_wrong_password, entry.on_unavailable)
    options = [each for each in settings.backends if each.name in entry.backends]
    return route_of(replace(entry, cache=entry.cache and settings.cache.enabled), number, chain, options)
