"""``authd serve``, from its start to the last answer."""

import asyncio
import logging
import os
import secrets
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from authd.config.errors import ConfigError
from authd.config.load import Loaded
from authd.config.settings import Settings
from authd.control.commands import Commands
from authd.daemon import notify, watchdog
from authd.daemon.assembly import assemble, reassemble
from authd.daemon.at_work import backends_at_work
from authd.daemon.retiring import Retiring
from authd.daemon.serving import Serving, import_what_serves
from authd.daemon.supply import Supplied, Supply
from authd.decide.sources import Sources
from authd.observe.counters import LogCounters, ReloadCounters
from authd.observe.decision_log import DecisionLog
from authd.observe.flood import Flood
from authd.observe.targets import Target, opened, set_up_logging
from authd.server.loop_lag import LoopLag
from authd.server.pieces import BackendAtWork, Pieces
from authd.unix import collector
from authd.unix.listening import Listening
from authd.unix.privileges import forbid_core_dumps
from authd.unix.process import raise_descriptor_limit
from authd.unix.sockets import SocketError

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 128  # for backends, files and logs, beside the connections
GRACE = 1.0  # seconds after SIGTERM for a request to become whole
STOP_MARGIN = 0.5  # seconds of shutdown_deadline kept for the last answers and log lines
LOG_PATIENCE = 0.3  # seconds, of these, for a slow reader of the log
REPLACED_PATIENCE = 60.0  # seconds for a slow reader of the log that a reload has replaced
TAG_KEY_BYTES = 32


def serve(loaded: Loaded, sockets: dict[str, Listening], supply: Supply, lifeline: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until `lifeline` (a pipe) has no writer any more; give the exit status."""
    forbid_core_dumps()
    if os.getpid() == 1:  # of a container: the kernel is to reap whoever is orphaned there
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with asyncio.Runner() as runner:
        front = runner.run(_made(loaded, sockets, supply))
        try:
            return runner.run(front.run(lifeline))
        finally:
            runner.get_loop().set_default_executor(ThreadPoolExecutor())  # the runner waits for it, and not for one
            front.log_target.detach(LOG_PATIENCE)  # in which a thread hangs


async def _made(loaded: Loaded, sockets: dict[str, Listening], supply: Supply) -> "Front":
    return Front(loaded, sockets, supply)


class Front:
    """The unprivileged process: all that serves by one configuration, and then by another."""

    def __init__(self, loaded: Loaded, sockets: dict[str, Listening], supply: Supply) -> None:
        self._loaded = loaded
        self._sockets = sockets
        self._supply = supply
        self._loop = asyncio.get_running_loop()
        self._tag_key = secrets.token_bytes(TAG_KEY_BYTES)
        self._retiring = Retiring()
        self._reloading = asyncio.Lock()
        self._lag = LoopLag()
        self._lines = LogCounters()
        self.reloads = ReloadCounters(loaded=time.time())
        self.log_target = self._logging_to(loaded.settings)

    async def run(self, lifeline: int | None) -> int:
        """Serve to the end."""
        settings = self._loaded.settings
        self._stop = asyncio.Event()
        self._decisions = self._decision_log(settings)
        try:
            backends = backends_at_work(self._loaded)
        except ConfigError as error:
            log.error("%s", error)  # noqa: TRY400
            self._free_paths()
            return 2
        most = _max_connections(settings.server.max_connections)
        self._pieces = assemble(settings, backends, self._decisions.record, most, self._lag.counters)
        self._hear_signals(lifeline)
        self._lag.start()
        self._serving = Serving(
            lambda: self._pieces,
            Commands(lambda: self._pieces, self.reload, self.stop),
            self.reloads,
            self._lines,
        )
        self._serving.exchange(self._sockets, settings, self._supply.given)
        collector.set_aside_what_is_here()
        notify.ready()
        watched = self._watchdog()

        await self._stop.wait()

        notify.stopping()
        if watched is not None:
            watched.cancel()
        await self._finish()
        return 0

    def stop(self) -> None:
        """Take in nobody more, answer all that are there, and end."""
        self._stop.set()

    async def reload(self) -> list[str]:
        """Go by what the file says now; give what is noteworthy about it, a line each.

        Raises ConfigError or SocketError, and goes on as before then.
        """
        async with self._reloading:
            notify.reloading()
            try:
                warnings = await self._reload()
            except BaseException:
                self.reloads.note_failure()
                raise
            finally:
                notify.ready()
            self.reloads.note_success(time.time())
            log.info("reloaded %s", self._loaded.source)
            return warnings

    async def _reload(self) -> list[str]:
        supplied = await self._supply.another(self._loaded, self._sockets)
        former = self._pieces.backends
        try:
            backends = await self._backends_of(supplied.loaded, former)
        except BaseException:
            supplied.roll_back()
            raise
        supplied.commit()
        self._adopt(supplied, backends)
        kept = {id(each) for each in backends}
        self._retiring.retire(each for each in former if id(each) not in kept)
        return supplied.loaded.warnings

    async def _backends_of(self, loaded: Loaded, former: Sequence[BackendAtWork]) -> list[BackendAtWork]:
        """Load what may take its time."""
        await asyncio.to_thread(import_what_serves, loaded.settings)
        backends = await asyncio.to_thread(backends_at_work, loaded, former)
        if self._stop.is_set():  # meanwhile: nobody would take back what is opened from here on
            raise ConfigError([f"{loaded.source}: not taken up: authd is stopping"])
        return backends

    def _adopt(self, supplied: Supplied, backends: list[BackendAtWork]) -> None:
        """From here on nothing can fail."""
        settings, former = supplied.loaded.settings, self._loaded.settings
        self._loaded = supplied.loaded
        if settings.log.target != former.log.target:
            replaced, self.log_target = self.log_target, self._logging_to(settings)
            self._loop.call_later(REPLACED_PATIENCE, replaced.close)
        logging.getLogger().setLevel(settings.log.level.value.upper())
        self._decisions.left_out.tell()
        self._decisions = self._decision_log(settings)
        most = _max_connections(settings.server.max_connections)
        self._pieces = reassemble(self._pieces, settings, backends, self._decisions.record, most)
        former_sockets, self._sockets = self._sockets, supplied.sockets
        self._serving.exchange(self._sockets, settings, self._supply.given)
        for gone in former_sockets.keys() - self._sockets.keys():
            former_sockets[gone].disown()  # who served there closes it, when the loop has let go of it

    def _watchdog(self) -> "asyncio.Task[None] | None":
        """Feed the manager's watchdog, if there is one."""
        period = watchdog.period()
        if period is None:
            return None
        fed = watchdog.Watchdog(
            period,
            lambda: [each.path for each in self._loaded.settings.listeners],
            lambda: self._pieces.connections.counters.accepted,
            notify.alive,
        )
        return self._loop.create_task(fed.run())

    def _logging_to(self, settings: Settings) -> Target:
        target = opened(settings.log.target)
        target.attach(self._loop)
        set_up_logging(target, settings.log.level)
        return target

    def _decision_log(self, settings: Settings) -> DecisionLog:
        flood = Flood(settings.log, Sources(settings.throttle.exempt), self._loop.call_later)
        return DecisionLog(self.log_target, settings.log, self._tag_key, flood, self._loop.call_later, self._lines)

    def _hear_signals(self, lifeline: int | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._begin_reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # the parent has held it back until now
        if lifeline is not None:
            os.set_blocking(lifeline, False)
            self._loop.add_reader(lifeline, self._parent_has_gone, lifeline)

    def _begin_reload(self) -> None:
        self._reload_task = self._loop.create_task(self._reload_at_signal())

    async def _reload_at_signal(self) -> None:
        try:
            warnings = await self.reload()
        except (ConfigError, SocketError) as error:
            log.error("goes on as before: %s", error)  # noqa: TRY400
            return
        if self._supply.owns_sockets:  # else the parent has told them
            for warning in warnings:
                log.warning("%s", warning)

    def _parent_has_gone(self, lifeline: int) -> None:
        self._loop.remove_reader(lifeline)
        log.error("the parent process has gone: ending")
        self.stop()

    async def _finish(self) -> None:
        """Answer all that are there: what is whole, within the deadline; the rest with a temporary failure."""
        self._free_paths()
        self._serving.stop()
        connections, settings = self._pieces.connections, self._loaded.settings
        self._loop.call_later(GRACE, connections.stop_reading)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, settings.server.shutdown_deadline - STOP_MARGIN)):
                await connections.all_have_left()
                async with self._reloading:  # what a reload has opened meanwhile it takes back
                    pass
        connections.give_up_all("authd is stopping")
        self._lag.stop()
        self._decisions.left_out.tell()
        _tell_what_was_done(self._pieces)

    def _free_paths(self) -> None:
        """Remove the files of the sockets, for whoever starts next."""
        if self._supply.owns_sockets:
            for bound in self._sockets.values():
                bound.unlink()


def _tell_what_was_done(pieces: Pieces) -> None:
    counts, lag = pieces.connections.counters, pieces.lag
    outcomes = {f"{protocol}:{outcome}": count for (protocol, outcome), count in pieces.counters.by_outcome().items()}
    told = " ".join(f"{name}={count}" for name, count in sorted(outcomes.items())) or "nobody has asked"
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
    limit = raise_descriptor_limit()
    possible = max(limit - SPARE_DESCRIPTORS, limit // 2)  # the rest may run short, and is survived
    if possible >= wanted:
        return wanted
    log.warning(
        "server.max_connections: expected a descriptor limit of %d (LimitNOFILE=, ulimit -n), got %d: serving %d",
        wanted + SPARE_DESCRIPTORS,
        limit,
        possible,
    )
    return possible
