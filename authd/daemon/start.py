"""From a configuration to running processes: opens the listeners, then one process or two."""

import grp
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from authd.config.default import SASL_GROUP, default_socket, default_users_file
from authd.config.load import EMBEDDED, Loaded
from authd.config.settings import ListenerSettings
from authd.daemon import parent
from authd.observe.targets import StderrTarget, set_up_logging
from authd.unix.privileges import Account, may_drop
from authd.unix.sockets import BoundSocket, bind

log = logging.getLogger(__name__)


def start(loaded: Loaded) -> int:
    """Serve until told to stop and give the exit status.

    Started as root, this process stays as the privileged parent and the front is its child; otherwise it is the front
    itself. Raises SocketError where a listener cannot be had, PrivilegeError where server.user does not exist.
    """
    settings = loaded.settings
    set_up_logging(StderrTarget(), settings.log.level)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    account = parent.front_account(settings.server.user, needs_helper=False) if may_drop() else None
    if loaded.source == EMBEDDED:
        _make_default_directories(account)
    listeners = open_listeners(settings.listeners)
    if account is not None:
        return parent.run(settings, listeners, account)
    from authd.daemon import front  # below a parent, asyncio and all that follows is the child's alone

    return front.serve(settings, listeners, owns_sockets=True)


def open_listeners(wanted: Sequence[ListenerSettings]) -> list[tuple[ListenerSettings, BoundSocket]]:
    """Open all listeners, or none."""
    opened: list[tuple[ListenerSettings, BoundSocket]] = []
    try:
        for each in wanted:
            bound = bind(each.path, mode=each.mode, owner=each.owner, group=each.group, backlog=each.backlog)
            opened.append((each, bound))
    except BaseException:
        for _, bound in opened:
            bound.unlink()
            bound.close()
        raise
    return opened


def _make_default_directories(account: Account | None) -> None:
    """Make what the embedded default lives in; a directory that is there stays as it is."""
    users, socket = default_users_file(), default_socket()
    _make(users.parent, 0o750, -1 if account is None else account.gid)
    _make(socket.parent, 0o710, _group(SASL_GROUP) if account else -1)
    if not users.exists():
        log.warning("no users yet (%s): add the first with: authd user add NAME", users)


def _make(directory: Path, mode: int, group: int) -> None:
    with suppress(FileExistsError):
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode)
        os.chown(directory, -1, group)
        directory.chmod(mode)


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1
