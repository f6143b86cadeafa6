"""The helper's parent: takes the front's connections, forks a worker for each, and buries the dead.

It parses nothing that a client sent: frames are read by the workers. All that it holds of a check is a duplicate of
the worker's connection, through which it tells the front of what the worker died.
"""

import gc
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from authd.helper.frames import Death, encode
from authd.unix.process import cause_of_death, reset_signals
from authd.unix.sockets import peer_credentials

log = logging.getLogger(__name__)

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
SCAN = 1.0  # seconds between two looks for processes that a check left behind
GRACE = 0.2  # seconds for a worker to see that the front has gone; a check that holds it up is nobody's any more
SELDOM = 60.0  # seconds between two lines about the same kind of refusal
ORDERLY = 83  # what a worker ends with by itself: 0 is what a module's exit(0) would make of a check


@dataclass(slots=True)
class HelperCounters:
    workers_started: int = 0
    workers_died: int = 0
    refused: int = 0  # connections of somebody else, or too many
    orphans_killed: int = 0


class Helper:
    """The loop of the parent. `work` serves one connection in the child that is forked for it."""

    def __init__(
        self,
        listener: socket.socket,
        work: Callable[[socket.socket], None],
        *,
        caller_uid: int,
        max_workers: int,
        orphan_deadline: float,
        lifeline: int | None = None,
    ) -> None:
        """`caller_uid` alone may connect. `orphan_deadline`: seconds that what a check left behind may live.

        `lifeline` is a pipe whose end means that this process has to end too.
        """
        self.counters = HelperCounters()
        self._listener = listener
        self._work = work
        self._caller_uid = caller_uid
        self._max_workers = max_workers
        self._orphan_deadline = orphan_deadline
        self._lifeline = lifeline
        self._workers: dict[int, socket.socket] = {}
        self._due: dict[int, float] = {}  # when to kill which process: what was left behind, by a check or by the front
        self._told: dict[str, float] = {}  # when which refusal was told last
        self._stopping = False
        self._poll = select.epoll()

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or the end of the lifeline; give the exit status."""
        wake, woken = socket.socketpair()
        with wake, woken, self._poll:
            self._hear_signals(wake, woken)
            gc.freeze()  # what is here stays shared with the workers
            self._serve({self._listener.fileno(): self._accept, wake.fileno(): lambda: _discard(wake)})
            signal.set_wakeup_fd(-1)
        self._end_all()
        return 0

    def _hear_signals(self, wake: socket.socket, woken: socket.socket) -> None:
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._on_signal)

    def _serve(self, events: dict[int, Callable[[], None]]) -> None:
        """Do what belongs to each descriptor that can be read; any other is the connection of a worker."""
        if self._lifeline is not None:
            events[self._lifeline] = self._stop
        for descriptor in events:
            self._poll.register(descriptor, select.EPOLLIN)
        while not self._stopping:
            for descriptor, _ in self._poll.poll(self._patience()):
                events.get(descriptor, partial(self._front_has_gone, descriptor))()
            self._bury()
            self._kill_due()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop()
        elif number == signal.SIGHUP:
            log.warning("reload: not yet: restart the helper to take up a new configuration")

    def _stop(self) -> None:
        self._stopping = True

    def _patience(self) -> float | None:
        if self._due:
            return max(0.0, min(SCAN, min(self._due.values()) - time.monotonic()))
        return SCAN if self._workers else None

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            time.sleep(0.01)  # out of descriptors or memory: a worker's end may give some back
            return
        caller = peer_credentials(connection)
        if caller.uid != self._caller_uid:
            expected = self._caller_uid
            self._refuse(connection, "refused uid %d (pid %d): expected uid %d", caller.uid, caller.pid, expected)
        elif len(self._workers) >= self._max_workers:
            self._refuse(connection, "refused a connection: all %d workers are busy", self._max_workers)
        else:
            self._fork(connection)

    def _refuse(self, connection: socket.socket, reason: str, *values: int) -> None:
        """Close it, and tell so of the first of many."""
        connection.close()
        self.counters.refused += 1
        now = time.monotonic()
        if now - self._told.get(reason, -SELDOM) >= SELDOM:
            self._told[reason] = now
            log.warning(reason, *values)

    def _fork(self, connection: socket.socket) -> None:
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
        self.counters.workers_started += 1

    def _front_has_gone(self, descriptor: int) -> None:
        """Give the worker of this connection a moment to end."""
        self._poll.unregister(descriptor)
        for pid, connection in self._workers.items():
            if connection.fileno() == descriptor:
                self._due[pid] = time.monotonic() + GRACE

    def _be_worker(self, connection: socket.socket) -> None:
        """Serve in this child of the fork, and never come back from it."""
        status = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            reset_signals(HANDLED)
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
            self.counters.workers_died += 1
            cause = cause_of_death(code)
            log.error("worker %d %s", pid, cause)
            with suppress(OSError):
                connection.setblocking(False)
                connection.send(encode(Death(cause)), socket.MSG_NOSIGNAL)
        connection.close()

    def _kill_due(self) -> None:
        """End what checks left behind: this process is a subreaper, so it is our child when its parent has ended."""
        now = time.monotonic()
        for pid in _children() - self._workers.keys():
            self._due.setdefault(pid, now + self._orphan_deadline)
        for pid, due in self._due.items():
            if now >= due:
                self._due[pid] = now + SCAN  # if it should still be there
                self._kill(pid)

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if pid in self._workers:
                os.killpg(pid, signal.SIGKILL)
            else:
                self.counters.orphans_killed += 1
                os.kill(pid, signal.SIGKILL)

    def _end_all(self) -> None:
        """Kill every child and whoever becomes one by that, until there is none."""
        with suppress(ChildProcessError):
            while True:
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)


def _discard(wake: socket.socket) -> None:
    with suppress(BlockingIOError):
        while wake.recv(4096):
            pass


def _children() -> set[int]:
    """The processes whose parent this single-threaded one is (proc(5), task/TID/children)."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()))
