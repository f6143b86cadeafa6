"""From a configuration to running processes: opens the listeners, then one process or two."""

import logging
import socket
from contextlib import ExitStack
from functools import partial

from authd.config.default import SASL_GROUP, default_socket, default_users_file
from authd.config.errors import ConfigError
from authd.config.load import EMBEDDED, Loaded, load
from authd.config.settings import Settings
from authd.daemon import given, helper, parent
from authd.daemon.given import Given
from authd.daemon.holdings import Holdings
from authd.daemon.openings import exchange, group_id, make_directory, take_back
from authd.observe.targets import opened, set_up_logging
from authd.unix import privileges
from authd.unix.privileges import Account, may_drop
from authd.unix.sockets import UNCHANGED
from authd.unix.tcp import Listening

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
        lambda lifeline: _help(holdings, lifeline),
    ).run()


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
            undone.callback(take_back, bound)
            listener = bound.socket
        return helper.serve(loaded, listener, account, partial(load, loaded.path))


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


def _help(holdings: Holdings, lifeline: int) -> int:
    loaded, bound = holdings.latest(), holdings.helper_socket
    assert bound is not None
    return helper.serve(loaded, bound.socket, holdings.account, partial(load, loaded.path), lifeline)


def _account(settings: Settings) -> Account:
    return parent.front_account(settings.server.user, needs_helper=helper.has_backends(settings))


def _make_default_directories(account: Account | None) -> None:
    """Make what the embedded default lives in; a directory that is there stays as it is."""
    users, mux = default_users_file(), default_socket()
    make_directory(users.parent, 0o750, UNCHANGED if account is None else account.gid)
    make_directory(mux.parent, 0o710, UNCHANGED if account is None else group_id(SASL_GROUP))
    if not users.exists():
        log.warning("no users yet (%s): add the first with: authd user add NAME", users)
