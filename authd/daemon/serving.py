"""What serves at a front's sockets: listeners, the control server, metrics. Exchanged when the configuration is."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from authd.config.settings import ListenerSettings, Settings
from authd.control.access import admin_gid
from authd.control.commands import Commands
from authd.control.server import ControlServer
from authd.daemon.given import Given
from authd.daemon.openings import control_key, listener_key, metrics_key
from authd.observe.counters import LogCounters, ReloadCounters
from authd.server.listener import Listener, Reserve
from authd.server.pieces import Pieces
from authd.unix.listening import Listening

if TYPE_CHECKING:
    from authd.daemon.observing import Observation

log = logging.getLogger(__name__)

OBSERVING = "authd.daemon.observing"  # its library takes 60 ms to import


def import_what_serves(settings: Settings) -> None:
    """Import what takes its time, so that the loop does not have to."""
    if settings.metrics.listen is not None:
        import_module(OBSERVING)


class Serving:
    """Each server stands under its socket's key, and goes on for as long as that is wanted."""

    def __init__(
        self, pieces: Callable[[], Pieces], commands: Commands, reloads: ReloadCounters, lines: LogCounters
    ) -> None:
        """`pieces` gives those at work now."""
        self._pieces = pieces
        self._commands = commands
        self._reloads = reloads
        self._lines = lines
        self._reserve = Reserve()
        self._accepting: dict[str, Listener] = {}
        self._operators: dict[str, ControlServer] = {}
        self._watchers: dict[str, Observation] = {}

    def exchange(self, sockets: Mapping[str, Listening], settings: Settings, given: Given) -> None:
        """Serve at these sockets, and at no others any more."""
        for gone in self._accepting.keys() - sockets.keys():
            self._accepting.pop(gone).stop()
        for listener in settings.listeners:
            key = listener_key(listener.path)
            if key not in self._accepting:
                self._accept(sockets[key], listener, given)
        self._exchange_operators(sockets.get(control_key(settings)), control_key(settings))
        self._exchange_watchers(sockets.get(metrics_key(settings)), metrics_key(settings))

    def stop(self) -> None:
        """Take in nobody more; who waits to be accepted still is."""
        for servers in (self._operators, self._watchers, self._accepting):
            for server in servers.values():
                server.stop()

    def _accept(self, bound: Listening, listener: ListenerSettings, given: Given) -> None:
        path = str(listener.path)
        outlives_us = given.has(listener.path)
        accepting = Listener(bound.socket, path, self._pieces().connections, self._reserve, outlives_us=outlives_us)
        self._accepting[listener_key(listener.path)] = accepting
        accepting.start()
        log.info("listening on %s", path)

    def _exchange_operators(self, control: Listening | None, key: str) -> None:
        for gone in self._operators.keys() - {key}:
            self._operators.pop(gone).stop()
        if control is not None and key not in self._operators:
            self._operators[key] = ControlServer(control.socket, self._commands.answer, admin_gid())
            self._operators[key].start()

    def _exchange_watchers(self, metrics: Listening | None, key: str) -> None:
        for gone in self._watchers.keys() - {key}:
            self._watchers.pop(gone).stop()
        if metrics is not None and key not in self._watchers:
            observing = import_module(OBSERVING)
            self._watchers[key] = observing.Observation(metrics, self._pieces, self._reloads, self._lines)
            self._watchers[key].start()
            log.info("metrics at %s", metrics.path)
