"""From a configuration to running processes: opens the listeners, then one process or two."""

import grp
import logging
import os
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from authd.config.default import SASL_GROUP, default_socket, default_users_file
from authd.config.errors import ConfigError
from authd.config.load import EMBEDDED, Loaded
from authd.config.settings import ControlSettings, ListenerSettings, Settings
from authd.control.access import ADMIN_GROUP, admin_gid
from authd.daemon import helper, parent
from authd.observe.targets import opened, set_up_logging
from authd.unix import privileges, sockets, tcp
from authd.unix.privileges import Account, may_drop
from authd.unix.sockets import UNCHANGED, BoundSocket, SocketError
from authd.unix.tcp import Listening

log = logging.getLogger(__name__)

CONTROL_BACKLOG = 16
METRICS_BACKLOG = 64
METRICS_MODE = 0o666  # of a Unix socket: as open as a port of the loopback is; its directory may be closed

Listeners = list[tuple[ListenerSettings, BoundSocket]]


def start(loaded: Loaded) -> int:
    """Serve until told to stop and give the exit status.

    Started as root, this process stays as the privileged parent and the front is its child; otherwise it is the front
    itself. Raises SocketError where a listener cannot be had, PrivilegeError where server.user does not exist.
    """
    settings = loaded.settings
    set_up_logging(opened(settings.log.target), settings.log.level)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    account = _account(settings) if may_drop() else None
    if loaded.source == EMBEDDED:
        _make_default_directories(account)
    with ExitStack() as undone:
        listeners = [(each, _opened(each, undone)) for each in settings.listeners]
        control = _control(loaded, account, undone)
        metrics = _metrics(settings, undone)
        helps = _helper(loaded, account, undone) if account is not None else None
        undone.pop_all()
    if account is None:
        return _serve(loaded, listeners, control, metrics)
    return parent.keep_running(
        partial(_serve, loaded, listeners, control, metrics),
        [*(bound for _, bound in listeners), *filter(None, (control, metrics))],
        account,
        shutdown_deadline=settings.server.shutdown_deadline,
        helper=helps,
    )


def start_helper(loaded: Loaded) -> int:
    """Run the helper alone until told to stop and give the exit status. Raises as `start` does."""
    set_up_logging(opened(loaded.settings.log.target), loaded.settings.log.level)
    if not helper.has_backends(loaded.settings):
        raise ConfigError([f"{loaded.source}: backends: expected one that runs in the helper, got none"])
    account = privileges.account(loaded.settings.server.user)
    with ExitStack() as undone:
        listener = helper.given_socket(loaded)
        if listener is None:
            bound = helper.bind_socket(loaded, account)
            undone.callback(_take_back, bound)
            listener = bound.socket
        return helper.serve(loaded, listener, account)


def _serve(
    loaded: Loaded,
    listeners: Listeners,
    control: BoundSocket | None,
    metrics: Listening | None,
    lifeline: int | None = None,
) -> int:
    from authd.daemon import front  # below a parent, asyncio and all that follows is the child's alone

    owns_sockets = lifeline is None
    return front.serve(
        loaded, listeners, control=control, metrics=metrics, owns_sockets=owns_sockets, lifeline=lifeline
    )


def _account(settings: Settings) -> Account:
    return parent.front_account(settings.server.user, needs_helper=helper.has_backends(settings))


def _opened(listener: ListenerSettings, undone: ExitStack) -> BoundSocket:
    bound = sockets.bind(
        listener.path, mode=listener.mode, owner=listener.owner, group=listener.group, backlog=listener.backlog
    )
    undone.callback(_take_back, bound)
    return bound


def _control(loaded: Loaded, account: Account | None, undone: ExitStack) -> BoundSocket | None:
    """Listen for operators. Where that cannot be had at the path that nobody has set, authd serves without it."""
    path = loaded.settings.control.path
    is_default = path == ControlSettings().path
    group = ADMIN_GROUP if account is not None and admin_gid() is not None else None
    try:
        if is_default:
            _make(path.parent, 0o755, UNCHANGED)
        bound = sockets.bind(path, mode=0o660 if group else 0o600, owner=None, group=group, backlog=CONTROL_BACKLOG)
    except (SocketError, ConfigError) as error:
        if not is_default:
            raise
        log.warning("control.path: serving without a control socket: %s", error)
        return None
    undone.callback(_take_back, bound)
    return bound


def _metrics(settings: Settings, undone: ExitStack) -> Listening | None:
    where = settings.metrics.listen
    if where is None:
        return None
    if not where.startswith("/"):
        bound: Listening = tcp.bind(where, METRICS_BACKLOG)
    else:
        bound = sockets.bind(Path(where), mode=METRICS_MODE, owner=None, group=None, backlog=METRICS_BACKLOG)
    undone.callback(_take_back, bound)
    return bound


def _helper(loaded: Loaded, account: Account, undone: ExitStack) -> tuple[parent.Serve, BoundSocket] | None:
    if not helper.has_backends(loaded.settings):
        return None
    _make(loaded.settings.helper.path.parent, 0o755, UNCHANGED)
    bound = helper.bind_socket(loaded, account)
    undone.callback(_take_back, bound)
    return (lambda lifeline: helper.serve(loaded, bound.socket, account, lifeline)), bound


def _take_back(bound: Listening) -> None:
    bound.unlink()
    bound.close()


def _make_default_directories(account: Account | None) -> None:
    """Make what the embedded default lives in; a directory that is there stays as it is."""
    users, socket = default_users_file(), default_socket()
    _make(users.parent, 0o750, UNCHANGED if account is None else account.gid)
    _make(socket.parent, 0o710, UNCHANGED if account is None else _group(SASL_GROUP))
    if not users.exists():
        log.warning("no users yet (%s): add the first with: authd user add NAME", users)


def _make(directory: Path, mode: int, group: int) -> None:
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


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return UNCHANGED
