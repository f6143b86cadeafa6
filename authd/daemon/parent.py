"""Started as root without systemd: the original process keeps the listeners and the root, its children serve.

The front gives its privileges up for good and holds nothing but its standard streams, the listening sockets and a pipe
whose end tells it that the parent is gone (PR_SET_PDEATHSIG does not outlast a change of uid). Where a backend needs
one, the helper is a child beside it, as root and with its own socket. Whoever connects while there is no front waits
in the backlog of the very socket that the next one accepts on.
"""

import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import authd
import authd_backends
from authd.config.settings import ServerSettings
from authd.daemon.keeper import FAILED, MISCONFIGURED, WATCHED, Child, Keeper
from authd.observe.targets import disown_logging
from authd.unix import privileges, process
from authd.unix.privileges import Account, PrivilegeError
from authd.unix.tcp import Listening
from authd_backends.errors import BackendError

MARGIN = 2.0  # seconds beyond shutdown_deadline until the front is killed
HELPER_MARGIN = 2.0  # seconds for the helper to end
OOM_NEVER = -1000

Serve = Callable[[int], int]  # takes the pipe's descriptor, at its end when the parent is; gives an exit status

log = logging.getLogger(__name__)


def front_account(user: str, *, needs_helper: bool) -> Account:
    """Look up who the front becomes, with a warning where `stand_in` has to help. Raises PrivilegeError as it does."""
    try:
        return privileges.account(user)
    except PrivilegeError:
        other = stand_in(user, needs_helper=needs_helper)
    log.warning("server.user: there is no user %s on this system: serving as %s", user, other)
    return privileges.account(other)


def stand_in(missing_user: str, *, needs_helper: bool) -> str:
    """Give who the front becomes where `server.user` does not exist: nobody, if it is the default and no helper runs.

    Raises PrivilegeError with the command that makes the user.
    """
    if missing_user == ServerSettings().user and not needs_helper:
        return "nobody"
    command = f"useradd --system --home /nonexistent --shell /usr/sbin/nologin {shlex.quote(missing_user)}"
    raise PrivilegeError(f"server.user: expected a user of this system, got {missing_user!r}; make it: {command}")


def keep_running(
    serve: Serve,
    sockets: Sequence[Listening],
    account: Account,
    *,
    shutdown_deadline: float,
    helper: tuple[Serve, Listening] | None = None,
) -> int:
    """Fork fronts that call `serve`, one after the other; `shutdown_deadline` is in seconds.

    `helper` is what a second, privileged child does, and the socket it does it at.
    """
    os.umask(0o077)
    privileges.forbid_core_dumps()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # from here on they wait until they are asked for: no races
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, it would never come
    oom_score = process.set_oom_score(OOM_NEVER)
    lifeline, _held_open = os.pipe()
    every = [*sockets, *([helper[1]] if helper else [])]

    def become_front() -> int:
        process.set_oom_score(oom_score)
        privileges.drop_to(account)
        privileges.forbid_core_dumps()
        check_readable(account)
        return serve(lifeline)

    def let_go() -> None:
        """Give the paths free for whoever starts next; with our ends closed, the children's are the last."""
        for bound in every:
            bound.unlink()
            bound.close()

    start_front = _forking("the front", become_front, sockets, every, lifeline)
    children = [Child("the front", start_front, shutdown_deadline + MARGIN)]
    if helper is not None:
        serve_helper, socket = helper
        start_helper = _forking("the helper", lambda: serve_helper(lifeline), [socket], every, lifeline)
        children.insert(0, Child("the helper", start_helper, HELPER_MARGIN))
    return Keeper(children, let_go).run()


def _forking(
    what: str, life: Callable[[], int], kept: Sequence[Listening], every: Sequence[Listening], lifeline: int
) -> Callable[[], int]:
    """A function that forks a child for `life`, with the sockets it keeps out of every one, and gives its pid."""

    def start() -> int:
        pid = os.fork()
        if pid == 0:
            _live(what, life, kept, every, lifeline)
        return pid

    return start


def _live(
    what: str, life: Callable[[], int], kept: Sequence[Listening], every: Sequence[Listening], lifeline: int
) -> NoReturn:
    """Be the child of the fork, and never come back from it."""
    status = FAILED
    try:
        _keep_only(kept, every, lifeline)
        status = life()
    except (PrivilegeError, BackendError) as error:
        log.error("%s", error)  # noqa: TRY400  # it says what to do; where it was raised helps nobody
        status = MISCONFIGURED
    except BaseException:
        log.critical("%s failed", what, exc_info=True)
    finally:
        os._exit(status)


def _keep_only(kept: Sequence[Listening], every: Sequence[Listening], lifeline: int) -> None:
    """Put signals back and close all that is the parent's or another child's."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the child hears it: no reason to die
    process.reset_signals(set(WATCHED) - {signal.SIGHUP})
    for bound in every:
        bound.disown()
        if bound not in kept:
            bound.close()
    disown_logging()
    process.close_descriptors(keep={lifeline, *(bound.socket.fileno() for bound in kept)})


def check_readable(account: Account) -> None:
    """Raise PrivilegeError if this process, now `account`, cannot read its interpreter or the code yet to be imported.

    So it is with a clone or an interpreter below root's home directory.
    """
    for file in filter(None, (sys.executable, os.__file__, authd.__file__, authd_backends.__file__)):
        for path in (Path(file), Path(os.path.realpath(file))):
            for directory in reversed(path.parents):
                _check_access(directory, os.X_OK, f"a directory that {account.name} may enter to {path}", "o+x")
            _check_access(path, os.R_OK, f"a file that {account.name} may read", "o+r")


def _check_access(path: Path, access: int, wanted: str, mode: str) -> None:
    if not os.access(path, access):
        raise PrivilegeError(
            f"{path}: expected {wanted}, got no permission; "
            f"mend it: install authd in a place for all, such as /opt/authd, or chmod {mode} {shlex.quote(str(path))}"
        )
