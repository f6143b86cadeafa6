"""The helper's workers: forked one for each connection, buried when they have ended, killed when nobody needs them.

All that is held of a check here is a duplicate of the worker's connection, through which the front is told of what the
worker died.
"""

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from authd.helper.frames import Death, encode
from authd.unix.process import cause_of_death

log = logging.getLogger(__name__)

SCAN = 1.0  # seconds between two looks for processes that a check left behind
GRACE = 0.2  # seconds for a worker to see that the front has gone; a check that holds it up is nobody's any more
ORDERLY = 83  # what a worker ends with by itself: 0 is what a module's exit(0) would make of a check


class Pool:
    """The workers and what they left behind: this process is a subreaper, so that comes to it when its parent ends."""

    def __init__(self, work: Callable[[socket.socket], None], poll: select.epoll, orphan_deadline: float) -> None:
        """`work` serves one connection in the child that is forked for it.

        `poll` tells of the ends of the front's connections (`front_has_gone`). `orphan_deadline`: seconds that what a
        check left behind may live.
        """
        self._work = work
        self._poll = poll
        self._orphan_deadline = orphan_deadline
        self._workers: dict[int, socket.socket] = {}
        self._due: dict[int, float] = {}  # when to kill which process

    def __len__(self) -> int:
        return len(self._workers)

    def patience(self) -> float | None:
        """Seconds until `tidy` is to be called again, if nothing happens before."""
        if self._due:
            return max(0.0, min(SCAN, min(self._due.values()) - time.monotonic()))
        return SCAN if self._workers else None

    def fork(self, connection: socket.socket) -> None:
        """Start a worker for a connection, which is closed where that fails."""
        try:
            pid = os.fork()
        except OSError as error:
            log.error("no worker: %s", error.strerror)  # noqa: TRY400
            connection.close()
            return
        if pid == 0:
            self._be_worker(connection)
        with suppress(OSError):  # it has done so itself, or has ended already
            os.setpgid(pid, pid)
        self._workers[pid] = connection
        self._poll.register(connection, 0)  # no event but that the other end is closed

    def front_has_gone(self, descriptor: int) -> None:
        """Give the worker of this connection a moment to end."""
        self._poll.unregister(descriptor)
        for pid, connection in self._workers.items():
            if connection.fileno() == descriptor:
                self._due[pid] = time.monotonic() + GRACE

    def tidy(self) -> None:
        """Collect every child that has ended, and kill whose time is over."""
        self._bury()
        now = time.monotonic()
        for pid in _children() - self._workers.keys():
            self._due.setdefault(pid, now + self._orphan_deadline)
        for pid, due in self._due.items():
            if now >= due:
                self._due[pid] = now + SCAN  # if it should still be there
                self._kill(pid)

    def end(self) -> None:
        """Kill every child and whoever becomes one by that, until there is none."""
        with suppress(ChildProcessError):
            while True:
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)

    def _be_worker(self, connection: socket.socket) -> None:
        """Serve in this child of the fork, and never come back from it."""
        status = 1
        try:
            os.setpgid(0, 0)
            connection.setblocking(True)
            self._work(connection)
            status = ORDERLY
        except BaseException:
            log.exception("a worker failed")
        finally:
            os._exit(status)

    def _bury(self) -> None:
        """Collect every child that has ended; with a worker goes its whole process group."""
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                with suppress(ProcessLookupError, PermissionError):
                    if ended.si_pid in self._workers:  # not collected yet, so the number is still its own
                        os.killpg(ended.si_pid, signal.SIGKILL)
                _, status = os.waitpid(ended.si_pid, 0)
                self._due.pop(ended.si_pid, None)
                if (connection := self._workers.pop(ended.si_pid, None)) is not None:
                    self._tell(connection, ended.si_pid, os.waitstatus_to_exitcode(status))

    def _tell(self, connection: socket.socket, pid: int, code: int) -> None:
        with suppress(FileNotFoundError):  # the front has gone before
            self._poll.unregister(connection)
        if code != ORDERLY:
            cause = cause_of_death(code)
            log.error("worker %d %s", pid, cause)
            with suppress(OSError):
                connection.setblocking(False)
                connection.send(encode(Death(cause)), socket.MSG_NOSIGNAL)
        connection.close()

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if pid in self._workers:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    """The processes whose parent this single-threaded one is (proc(5), task/TID/children)."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()))
