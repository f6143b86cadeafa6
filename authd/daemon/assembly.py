"""Settings to pieces; the one place that knows them all."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from authd.config.load import Loaded
from authd.config.settings import BackendSettings, HelperSettings, RouteSettings, Settings
from authd.daemon.backends import checks_at_once, placement, started
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.loop_checks import LoopChecks
from authd.decide.route import Route, route_of
from authd.decide.threads import Threads
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
    authenticator = Authenticator(_routes(settings, members), (counters.count, record), time.monotonic)
    connections = Connections(
        Desk(authenticator, answer_texts=settings.server.answer_texts),
        Limits(max_connections, settings.server.request_deadline, settings.server.read_deadline),
        ConnectionCounters(),
        time.monotonic,
    )
    return Daemon(connections, counters)


def _member(settings: BackendSettings, helper: HelperSettings, digest: bytes) -> Member:
    return Member(settings.name, settings.type, _ask(settings, helper, digest))


def _ask(
    settings: BackendSettings, helper: HelperSettings, digest: bytes
) -> Callable[[Request], Verdict | Awaitable[Verdict]]:
    bounds = {"max_concurrent": checks_at_once(settings), "max_queued": settings.max_queued}
    match placement(settings):
        case Placement.INLINE:
            check: Callable[[Request], Verdict] = started(settings).check
            return check
        case Placement.THREAD:
            return Threads(settings.name, started(settings).check, **bounds, deadline=settings.deadline).ask
        case Placement.LOOP:
            return LoopChecks(started(settings).check, **bounds, deadline=settings.deadline).ask
        case Placement.HELPER:
            if not helper.path.exists():
                log.warning("backend %s: unavailable until authd helper runs: no socket %s", settings.name, helper.path)
            client = HelperClient(settings.name, helper.path, digest, helper.min_idle, time.monotonic)
            return LoopChecks(client.check, **bounds, deadline=settings.deadline).ask


def _routes(settings: Settings, members: dict[str, Member]) -> list[Route]:
    entries = settings.routes or (RouteSettings(name="default", backends=tuple(members)),)
    return [_route(entry, number, members) for number, entry in enumerate(entries, 1)]


def _route(settings: RouteSettings, number: int, members: dict[str, Member]) -> Route:
    chain = Chain([members[name] for name in settings.backends], settings.on_wrong_password, settings.on_unavailable)
    return route_of(settings, number, chain)
