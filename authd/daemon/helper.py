"""``authd helper``: the process that runs the helper's backends, below a parent of ours or of systemd's."""

import logging
import os
import signal
import socket
import syslog
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from authd.config.load import Loaded
from authd.config.settings import Settings
from authd.daemon import notify
from authd.daemon.backends import helper_paths, of_helper
from authd.daemon.configurations import Configurations, check_writers
from authd.helper.parent import Helper
from authd.helper.worker import Worker
from authd.observe.targets import disown_logging
from authd.unix import activation, privileges, process, sockets
from authd.unix.privileges import Account
from authd.unix.sockets import BoundSocket, SocketError

log = logging.getLogger(__name__)

BACKLOG = 1024
NICENESS = 5  # of the workers: hashes must not keep the front from answering


def has_backends(settings: Settings) -> bool:
    """Whether any backend of this configuration runs in the helper."""
    return bool(of_helper(settings))


def bind_socket(loaded: Loaded, path: Path, account: Account) -> BoundSocket:
    """Listen at `path` for the front alone, which runs as `account`.

    Raises SocketError, and ConfigError where somebody else may write what the helper takes its options from.
    """
    check_writers(loaded)
    return sockets.bind(path, mode=0o600, owner=account.name, group=None, backlog=BACKLOG)


def given_socket(loaded: Loaded) -> tuple[Path, socket.socket] | None:
    """Take the socket that a service manager listens at for a helper, and the path that the file has for it.

    Whoever may connect to it, only the front is heard. None where the manager passed none. Raises as above.
    """
    given = activation.given_sockets()
    if not given:
        return None
    check_writers(loaded)
    if len(given) != 1:
        raise SocketError(f"LISTEN_FDS: expected one socket, got {len(given)}")
    known, there = helper_paths(loaded.settings), given[0].getsockname()
    for path in known:
        if os.path.realpath(path) == os.path.realpath(there):
            return path, given[0]
    wanted = ", ".join(map(str, known))
    raise SocketError(f"helper.path: expected {there}, where the service manager listens, got {wanted}")


def serve(
    loaded: Loaded,
    path: Path,
    listener: socket.socket,
    account: Account,
    load_again: Callable[[], Loaded],
    lifeline: int | None = None,
) -> int:
    """Serve the front, which runs as `account`, with the backends of the helper at `path`; give the exit status.

    SIGHUP makes it go by what `load_again` gives, or on as before where that raises; so does a front that goes by
    another file than was read. Raises ConfigError where a backend cannot work as configured.
    """
    os.umask(0o077)
    privileges.forbid_core_dumps()
    process.become_subreaper()
    own_pid = os.getpid()
    known = Configurations(loaded, path, load_again)

    def work(connection: socket.socket) -> None:
        _confine(connection)
        Worker(connection, known.by_digest, is_outdated=lambda: os.kill(own_pid, signal.SIGUSR1)).run()

    def reload() -> None:
        known.renew()
        helper.max_workers = known.max_workers

    def look() -> None:
        if known.are_outdated():
            reload()

    helper = Helper(
        listener,
        work,
        caller_uid=account.uid,
        max_workers=known.max_workers,
        orphan_deadline=loaded.settings.helper.check_deadline,
        reload=reload,
        look=look,
        lifeline=lifeline,
    )
    log.info("the helper serves %s at %s", ", ".join(each.name for each in of_helper(loaded.settings, path)), path)
    if lifeline is None:
        notify.ready()
    return helper.run()


def _confine(connection: socket.socket) -> None:
    """Leave a worker its connection, its standard streams and nothing else of the world around."""
    disown_logging()
    process.die_with_parent()
    with suppress(PermissionError):  # a service manager may forbid it, and gives Nice= itself
        os.nice(NICENESS)
    process.close_descriptors(keep={connection.fileno()})
    os.environ.clear()
    os.chdir("/")
    syslog.openlog("authd", syslog.LOG_PID, syslog.LOG_AUTHPRIV)  # the name under which PAM's modules log
    if os.geteuid() == 0:  # root needs no program to become root; others may need unix_chkpwd(8)
        privileges.forbid_new_privileges()
