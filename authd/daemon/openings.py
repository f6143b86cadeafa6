"""The sockets that a configuration listens at: opened all or none, and exchanged for another configuration's."""

import grp
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from authd.config.errors import ConfigError
from authd.config.settings import ControlSettings, ListenerSettings, Settings
from authd.control.access import ADMIN_GROUP, admin_gid, gives_to_administrators
from authd.daemon.given import NONE, Given
from authd.unix import sockets, tcp
from authd.unix.listening import Listening
from authd.unix.sockets import UNCHANGED, BoundSocket, SocketError

log = logging.getLogger(__name__)

CONTROL_BACKLOG = 16
METRICS_BACKLOG = 64
METRICS_MODE = 0o666  # of a Unix socket: as open as a port of the loopback is; its directory may be closed

Sockets = Mapping[str, Listening]  # by what is done there, and where: ``listener /run/saslauthd/mux``


def listener_key(path: Path) -> str:
    return f"listener {path}"


def control_key(settings: Settings) -> str:
    return f"control {settings.control.path}"


def metrics_key(settings: Settings) -> str:
    return f"metrics {settings.metrics.listen}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sockets of another configuration, ready but not in use yet."""

    sockets: dict[str, Listening]
    added: list[str]
    removed: dict[str, Listening]
    changed: list[Callable[[], None]]

    def commit(self) -> None:
        """Give what the new configuration says to those that stay, and free the paths of those that do not.

        Who has come to one of these before still waits there, until `close_removed`.
        """
        for change in self.changed:
            try:
                change()
            except SocketError as error:
                log.error("%s", error)  # noqa: TRY400  # all else is in force
        for bound in self.removed.values():
            bound.unlink()

    def close_removed(self) -> None:
        for bound in self.removed.values():
            bound.close()

    def roll_back(self) -> None:
        for key in self.added:
            take_back(self.sockets[key])


def exchange(
    old: Sockets, settings: Settings, former: Settings | None = None, *, is_root: bool, given: Given = NONE
) -> Exchange:
    """Open what `settings` want and `old`, which were those of `former`, do not have; of listeners those not `given`.

    `is_root`: started with the right to give the control socket to a group. Raises SocketError, and ConfigError for a
    directory that cannot be made; nothing is open then that was not before.
    """
    found: dict[str, Listening] = {}
    added: list[str] = []
    with ExitStack() as undone:
        for key, open_ in _wanted(settings, given, is_root=is_root).items():
            bound = old.get(key)
            if bound is None:
                bound = open_()
                if bound is None:
                    continue
                undone.callback(take_back, bound)
                added.append(key)
            found[key] = bound
        undone.pop_all()
    removed = {key: bound for key, bound in old.items() if key not in found}
    return Exchange(found, added, removed, list(_changes(found, settings, former)))


def take_back(bound: Listening) -> None:
    """Remove the file, and let go of the socket."""
    bound.unlink()
    bound.close()


def make_directory(directory: Path, mode: int, group: int) -> None:
    """Make a directory unless it is there; it gets mode and group by no name that somebody else could swap.

    Raises ConfigError.
    """
    try:
        with ExitStack() as opened, suppress(FileExistsError):
            directory.parent.mkdir(parents=True, exist_ok=True)
            parent = os.open(directory.parent, os.O_PATH | os.O_DIRECTORY)
            opened.callback(os.close, parent)
            os.mkdir(directory.name, mode, dir_fd=parent)
            made = os.open(directory.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
            opened.callback(os.close, made)
            os.fchown(made, -1, group)
            os.fchmod(made, mode)
    except OSError as error:
        raise ConfigError([f"{directory}: expected to make this directory, got: {error.strerror}"]) from error


def group_id(name: str) -> int:
    """Give a group's number, or what leaves it unchanged where there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return UNCHANGED


def _wanted(settings: Settings, given: Given, *, is_root: bool) -> dict[str, Callable[[], Listening | None]]:
    wanted: dict[str, Callable[[], Listening | None]] = {
        listener_key(each.path): partial(_listener, each, given) for each in settings.listeners
    }
    wanted[control_key(settings)] = partial(_control, settings, is_root=is_root)
    if settings.metrics.listen is not None:
        wanted[metrics_key(settings)] = partial(_metrics, settings.metrics.listen)
    return wanted


def _changes(found: Sockets, settings: Settings, former: Settings | None) -> list[Callable[[], None]]:
    """What has to be done to sockets that stay where they are under another mode, owner, group or backlog."""
    before = {each.path: each for each in former.listeners} if former else {}
    changed = [each for each in settings.listeners if before.get(each.path, each) != each]
    return [partial(_change, found[listener_key(each.path)], each) for each in changed]


def _change(bound: Listening, listener: ListenerSettings) -> None:
    if isinstance(bound, BoundSocket):
        bound.change(mode=listener.mode, owner=listener.owner, group=listener.group, backlog=listener.backlog)


def _listener(listener: ListenerSettings, given: Given) -> Listening:
    listening = given.open(listener.path)
    if listening is not None:
        return listening
    try:
        return sockets.bind(
            listener.path, mode=listener.mode, owner=listener.owner, group=listener.group, backlog=listener.backlog
        )
    except SocketError as error:
        if not given:
            raise
        raise SocketError(f"{error}; or have the service manager listen there: ListenStream={listener.path}") from error


def _control(settings: Settings, *, is_root: bool) -> BoundSocket | None:
    """Listen for operators. Where that cannot be had at the path that nobody has set, authd serves without it."""
    path = settings.control.path
    is_default = path == ControlSettings().path
    group = ADMIN_GROUP if is_root and admin_gid() is not None else None
    try:
        if is_default:
            make_directory(path.parent, 0o755, UNCHANGED)
        mode = 0o660 if group or gives_to_administrators(path.parent) else 0o600
        return sockets.bind(path, mode=mode, owner=None, group=group, backlog=CONTROL_BACKLOG)
    except (SocketError, ConfigError) as error:
        if not is_default:
            raise
        log.warning("control.path: serving without a control socket: %s", error)
        return None


def _metrics(where: str) -> Listening:
    if not where.startswith("/"):
        return tcp.bind(where, METRICS_BACKLOG)
    return sockets.bind(Path(where), mode=METRICS_MODE, owner=None, group=None, backlog=METRICS_BACKLOG)
