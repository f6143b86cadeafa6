"""Started as root without systemd: the original process keeps the listeners and the root, its child serves.

The child, the front, gives its privileges up for good and holds nothing but its standard streams, the listening
sockets and a pipe whose end tells it that the parent is gone (PR_SET_PDEATHSIG does not outlast a change of uid).
Whoever connects while there is no front waits in the backlog of the very socket that the next one accepts on.
"""

import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import authd
import authd_backends
from authd.config.settings import ListenerSettings, ServerSettings, Settings
from authd.unix import privileges, process
from authd.unix.privileges import Account, PrivilegeError
from authd.unix.sockets import BoundSocket

FIRST_DELAY = 0.1  # seconds before a dead front is started again
LAST_DELAY = 30.0  # seconds; each delay is twice the one before
PROVEN = 30.0  # seconds a front has to live for the delays to begin anew
MARGIN = 2.0  # seconds beyond shutdown_deadline until the front is killed
FAILED, MISCONFIGURED = 1, 2
DELIBERATE = (0, MISCONFIGURED)  # what a front ends with when another one would do no better
OOM_NEVER = -1000
WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
STOPPING = (signal.SIGTERM, signal.SIGINT)

Serve = Callable[
    [int], int
]  # takes the pipe's descriptor, which is at its end when the parent is; gives an exit status

log = logging.getLogger(__name__)


def run(settings: Settings, listeners: Sequence[tuple[ListenerSettings, BoundSocket]], account: Account) -> int:
    """Keep a front running as `account` until it ends on purpose or this process is told to stop; give the status."""

    def serve(lifeline: int) -> int:
        from authd.daemon import front  # asyncio and all that follows is the child's alone

        return front.serve(settings, listeners, owns_sockets=False, lifeline=lifeline)

    sockets = [bound for _, bound in listeners]
    return keep_running(serve, sockets, account, shutdown_deadline=settings.server.shutdown_deadline)


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


def keep_running(serve: Serve, sockets: Sequence[BoundSocket], account: Account, *, shutdown_deadline: float) -> int:
    """Fork fronts that call `serve`, one after the other; `shutdown_deadline` is in seconds."""
    os.umask(0o077)
    privileges.forbid_core_dumps()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # from here on they wait until they are asked for: no races
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, it would never come
    oom_score = process.set_oom_score(OOM_NEVER)
    lifeline, _held_open = os.pipe()

    def start() -> int:
        front = os.fork()
        if front == 0:
            _be_front(serve, sockets, lifeline, account, oom_score)
        return front

    return _Parent(start, sockets, shutdown_deadline).run()


class _Parent:
    """The life of the privileged process: one front at a time."""

    def __init__(self, start: Callable[[], int], sockets: Sequence[BoundSocket], shutdown_deadline: float) -> None:
        self._start = start
        self._sockets = sockets
        self._shutdown_deadline = shutdown_deadline

    def run(self) -> int:
        """Start fronts until one ends on purpose or a signal asks for the end; give the exit status."""
        delay = FIRST_DELAY
        while True:
            born = time.monotonic()
            try:
                front = self._start()
            except OSError as error:  # no memory or no process left just now
                cause = f"could not be started: {error.strerror}"
            else:
                code = _wait(front)
                if code is None:
                    return self._stop(front)
                if code in DELIBERATE:
                    self._let_go()
                    return code
                cause = f"(pid {front}) {process.cause_of_death(code)}"
            if time.monotonic() - born >= PROVEN:
                delay = FIRST_DELAY
            log.error("the front %s: starting one in %.1f s", cause, delay)
            if _told_to_stop(within=delay):
                self._let_go()
                return 0
            delay = min(2 * delay, LAST_DELAY)

    def _stop(self, front: int) -> int:
        """Leave the front its time to answer whoever is in the backlog, and no more."""
        self._let_go()
        os.kill(front, signal.SIGTERM)
        end = time.monotonic() + self._shutdown_deadline + MARGIN
        while (code := _reaped(front)) is None:
            if time.monotonic() >= end:
                log.error("the front (pid %d) did not end within %g s: killing it", front, self._shutdown_deadline)
                os.kill(front, signal.SIGKILL)
                os.waitpid(front, 0)
                return FAILED
            signal.sigtimedwait(WATCHED, max(0.0, end - time.monotonic()))
        if code == -signal.SIGTERM:  # it was not yet ready to hear of it
            return 0
        return code if code >= 0 else FAILED

    def _let_go(self) -> None:
        """Give the paths free for whoever starts next; with our ends closed, the front's are the last."""
        for bound in self._sockets:
            bound.unlink()
            bound.close()


def _wait(front: int) -> int | None:
    """Give the exit code of the front when it has ended, None when this process is told to stop before."""
    while (code := _reaped(front)) is None:
        received = signal.sigwaitinfo(WATCHED).si_signo
        if received in STOPPING:
            return None
        if received == signal.SIGHUP:
            os.kill(front, signal.SIGHUP)
    return code


def _reaped(front: int) -> int | None:
    """Collect all children that have ended (process 1 of a container has others' too); give the front's exit code."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == front:
                code = os.waitstatus_to_exitcode(ended[1])
    return code


def _told_to_stop(*, within: float) -> bool:
    end = time.monotonic() + within
    while (left := end - time.monotonic()) > 0:
        received = signal.sigtimedwait(WATCHED, left)
        if received is not None and received.si_signo in STOPPING:
            return True
    return False


def _be_front(
    serve: Serve, sockets: Sequence[BoundSocket], lifeline: int, account: Account, oom_score: int
) -> NoReturn:
    """Serve in this child of the fork, and never come back from it."""
    status = FAILED
    try:
        _keep_only(sockets, lifeline)
        process.set_oom_score(oom_score)
        privileges.drop_to(account)
        privileges.forbid_core_dumps()
        check_readable(account)
        status = serve(lifeline)
    except PrivilegeError as error:
        log.error("%s", error)  # noqa: TRY400  # it says what to do; where it was raised helps nobody
        status = MISCONFIGURED
    except BaseException:
        log.critical("the front failed", exc_info=True)
    finally:
        os._exit(status)


def _keep_only(sockets: Sequence[BoundSocket], lifeline: int) -> None:
    """Put signals back and close all that is the parent's."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the front hears it: no reason to die
    process.reset_signals(set(WATCHED) - {signal.SIGHUP})
    for bound in sockets:
        bound.disown()
    for handler in logging.getLogger().handlers:
        if getattr(handler, "stream", None) not in (sys.stdout, sys.stderr):
            handler.close()  # or it would write to whatever gets its descriptor's number next
    process.close_descriptors(keep={lifeline, *(bound.socket.fileno() for bound in sockets)})


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
