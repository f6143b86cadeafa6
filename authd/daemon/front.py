"""``authd serve``, from its start to the last answer."""

import asyncio
import logging
import os
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from authd.config.load import Loaded
from authd.config.settings import ListenerSettings, Settings
from authd.control.access import admin_gid
from authd.control.commands import Commands
from authd.control.server import ControlServer
from authd.daemon import notify
from authd.daemon.assembly import Daemon, assemble
from authd.decide.sources import Sources
from authd.observe.counters import ReloadCounters
from authd.observe.decision_log import DecisionLog
from authd.observe.flood import Flood
from authd.observe.targets import Target, opened, set_up_logging
from authd.server.listener import Listener, Reserve
from authd.server.loop_lag import LagCounters, LoopLag
from authd.unix.privileges import forbid_core_dumps, raise_descriptor_limit
from authd.unix.sockets import BoundSocket
from authd.unix.tcp import Listening
from authd_backends.errors import OptionError

if TYPE_CHECKING:
    from authd.daemon.observing import Observation

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 128  # for backends, files and logs, beside the connections
GRACE = 1.0  # seconds after SIGTERM for a request to become whole
STOP_MARGIN = 0.5  # seconds of shutdown_deadline kept for the last answers and log lines
LOG_PATIENCE = 0.3  # seconds, of these, for a slow reader of the log
TAG_KEY_BYTES = 32


def serve(
    loaded: Loaded,
    listeners: Sequence[tuple[ListenerSettings, BoundSocket]],
    *,
    control: BoundSocket | None = None,
    metrics: Listening | None = None,
    owns_sockets: bool,
    lifeline: int | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, or until `lifeline` (a pipe) has no writer any more; give the exit status.

    `control` listens for operators, `metrics` for who watches. `owns_sockets`: the socket files are unlinked at the
    end; otherwise the parent does that.
    """
    settings = loaded.settings
    forbid_core_dumps()
    target = opened(settings.log.target)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        target.attach(loop)
        set_up_logging(target, settings.log.level)
        try:
            status = runner.run(
                _serve(
                    loaded,
                    listeners,
                    target,
                    control=control,
                    metrics=metrics,
                    owns_sockets=owns_sockets,
                    lifeline=lifeline,
                )
            )
        finally:
            target.detach(LOG_PATIENCE)
    return status


async def _serve(
    loaded: Loaded,
    listeners: Sequence[tuple[ListenerSettings, BoundSocket]],
    target: Target,
    *,
    control: BoundSocket | None,
    metrics: Listening | None,
    owns_sockets: bool,
    lifeline: int | None,
) -> int:
    settings = loaded.settings
    decisions = _decision_log(target, settings)
    try:
        daemon = assemble(loaded, decisions.record, _max_connections(settings.server.max_connections))
    except OptionError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    stop = _stop_event(lifeline)
    lag = LoopLag()
    lag.start()
    reserve = Reserve()
    accepting = [
        Listener(bound.socket, str(settings_.path), daemon.connections, reserve) for settings_, bound in listeners
    ]
    for listener, (settings_, _) in zip(accepting, listeners, strict=True):
        listener.start()
        log.info("listening on %s", settings_.path)
    operators = _operators(control, daemon)
    reloads = ReloadCounters(loaded=time.time())
    watchers = _watchers(metrics, daemon, lag.counters, reloads)
    notify.ready()

    await stop.wait()

    notify.stopping()
    if owns_sockets:
        for bound in filter(None, (control, metrics, *(bound for _, bound in listeners))):
            bound.unlink()
    if operators is not None:
        operators.stop()
    if watchers is not None:
        watchers.stop()
    for listener in accepting:
        listener.stop()
    await _finish(daemon, settings.server.shutdown_deadline)
    lag.stop()
    decisions.left_out.tell()
    _tell_what_was_done(daemon, lag.counters)
    return 0


def _decision_log(target: Target, settings: Settings) -> DecisionLog:
    call_later = asyncio.get_running_loop().call_later
    flood = Flood(settings.log, Sources(settings.throttle.exempt), call_later)
    return DecisionLog(target, settings.log, secrets.token_bytes(TAG_KEY_BYTES), flood, call_later)


def _operators(control: BoundSocket | None, daemon: Daemon) -> ControlServer | None:
    if control is None:
        return None
    server = ControlServer(control.socket, Commands(daemon.pieces).answer, admin_gid())
    server.start()
    return server


def _watchers(
    metrics: Listening | None, daemon: Daemon, lag: LagCounters, reloads: ReloadCounters
) -> "Observation | None":
    if metrics is None:
        return None
    from authd.daemon.observing import Observation  # late: its library takes 60 ms to import

    watchers = Observation(metrics, lambda: daemon.pieces, lag, reloads)
    watchers.start()
    log.info("metrics at %s", metrics.path)
    return watchers


def _stop_event(lifeline: int | None) -> asyncio.Event:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, log.warning, "reload: not yet: restart authd to take up a new configuration")
    if lifeline is not None:
        os.set_blocking(lifeline, False)
        loop.add_reader(lifeline, _parent_has_gone, lifeline, stop)
    return stop


def _parent_has_gone(lifeline: int, stop: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    log.error("the parent process has gone: ending")
    stop.set()


async def _finish(daemon: Daemon, shutdown_deadline: float) -> None:
    """Answer all that are there: what is whole, within the deadline; the rest with a temporary failure."""
    asyncio.get_running_loop().call_later(GRACE, daemon.connections.stop_reading)
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, shutdown_deadline - STOP_MARGIN)):
            await daemon.connections.all_have_left()
    daemon.connections.give_up_all("authd is stopping")


def _tell_what_was_done(daemon: Daemon, lag: LagCounters) -> None:
    counts = daemon.connections.counters
    outcomes = {f"{protocol}:{outcome}": count for (protocol, outcome), count in daemon.counters.by_outcome().items()}
    told = " ".join(f"{name}={count}" for name, count in sorted(outcomes.items()))
    log.info(
        "stopped after %d connections (%d ended early, %d too slow, %d evicted, %d turned away); "
        "the loop was %.0f ms late at most and %d times too late; %s",
        counts.accepted,
        counts.ended_early,
        counts.too_slow,
        counts.evicted,
        counts.turned_away,
        lag.longest * 1000,
        lag.too_late,
        told,
    )


def _max_connections(wanted: int) -> int:
    """What the limit of descriptors leaves of max_connections."""
    possible = raise_descriptor_limit() - SPARE_DESCRIPTORS
    if possible >= wanted:
        return wanted
    log.warning(
        "server.max_connections: expected a descriptor limit of %d (LimitNOFILE=, ulimit -n), got %d: serving %d",
        wanted + SPARE_DESCRIPTORS,
        possible + SPARE_DESCRIPTORS,
        possible,
    )
    return max(1, possible)
