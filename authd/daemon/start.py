"""From a configuration to running processes: opens the listeners, then one process or two."""

import logging
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from authd.config.default import SASL_GROUP, default_socket, default_users_file
from authd.config.errors import ConfigError
from authd.config.load import EMBEDDED, Loaded, load_again
from authd.config.settings import Settings
from authd.daemon import given, helper, parent
from authd.daemon.account import front_account
from authd.daemon.backends import helper_paths
from authd.daemon.given import Given
from authd.daemon.holdings import Holdings
from authd.daemon.openings import exchange, group_id, make_directory, take_back
from authd.observe.targets import opened, set_up_logging
from authd.unix import privileges
from authd.unix.listening import Listening
from authd.unix.privileges import Account, may_drop
from authd.unix.sockets import UNCHANGED

log = logging.getLogger(__name__)


def start(loaded: Loaded) -> int:
    """Serve until told to stop and give the exit status.

    Started as root, this process stays as the privileged parent and the front is its child; otherwise it is the front
    itself. Raises SocketError where a listener cannot be had, PrivilegeError where server.user does not exist.
    """
    passed = given.taken()
    loaded = passed.added_to(loaded)
    settings = loaded.settings
    set_up_logging(opened(settings.log.target), settings.log.level)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    account = _account(settings) if may_drop() else None
    if loaded.source == EMBEDDED:
        _make_default_directories(account)
    exchanged = exchange({}, settings, is_root=account is not None, given=passed)
    if account is None:
        return _serve(loaded, exchanged.sockets, passed)
    with ExitStack() as undone:
        undone.callback(exchanged.roll_back)
        holdings = Holdings(loaded, exchanged.sockets, account, passed)
        undone.pop_all()
    return parent.Parent(
        holdings,
        lambda lifeline, end: _serve(holdings.loaded, holdings.sockets, passed, lifeline, end),
        lambda path, lifeline: _help(holdings, path, lifeline),
    ).run()


def start_helper(loaded: Loaded, wanted: Path | None = None) -> int:
    """Run a helper alone until told to stop and give the exit status. Raises as `start` does.

    It serves the backends whose helper is at the socket that the service manager gives, or else at `wanted`.
    """
    set_up_logging(opened(loaded.settings.log.target), loaded.settings.log.level)
    if not helper.has_backends(loaded.settings):
        raise ConfigError([f"{loaded.source}: backends: expected one that runs in the helper, got none"])
    account = privileges.account(loaded.settings.server.user)
    with ExitStack() as undone:
        given_one = helper.given_socket(loaded)
        if given_one is None:
            path = _helper_path(loaded, wanted)
            bound = helper.bind_socket(loaded, path, account)
            undone.callback(take_back, bound)
            given_one = path, bound.socket
        return helper.serve(loaded, *given_one, account, partial(load_again, loaded.path))


def _serve(
    loaded: Loaded,
    sockets: dict[str, Listening],
    passed: Given,
    lifeline: int | None = None,
    end: socket.socket | None = None,
) -> int:
    from authd.daemon import front  # below a parent, asyncio and all that follows is the child's alone
    from authd.daemon.supply import OwnSupply, ParentSupply

    supply = OwnSupply(passed) if end is None else ParentSupply(passed, end)
    return front.serve(loaded, sockets, supply, lifeline)


def _help(holdings: Holdings, path: Path, lifeline: int) -> int:
    loaded, bound = holdings.latest(), holdings.helper_sockets[path]
    return helper.serve(loaded, path, bound.socket, holdings.account, partial(load_again, loaded.path), lifeline)


def _helper_path(loaded: Loaded, wanted: Path | None) -> Path:
    known = helper_paths(loaded.settings)
    if len(known) == 1 and wanted in (None, known[0]):
        return known[0]
    if wanted in known:
        return wanted
    got = "none" if wanted is None else str(wanted)
    raise ConfigError(
        [f"--socket: expected one of {', '.join(map(str, known))}, which {loaded.source} names, got {got}"]
    )


def _account(settings: Settings) -> Account:
    return front_account(settings.server.user, needs_helper=helper.has_backends(settings))


def _make_default_directories(account: Account | None) -> None:
    """Make what the embedded default lives in; a directory that is there stays as it is."""
    users, mux = default_users_file(), default_socket()
    make_directory(users.parent, 0o750, UNCHANGED if account is None else account.gid)
    make_directory(mux.parent, 0o710, UNCHANGED if account is None else group_id(SASL_GROUP))
    if not users.exists():
        log.warning("no users yet (%s): add the first with: authd user add NAME", users)
