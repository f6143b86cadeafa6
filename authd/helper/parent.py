"""The helper's parent: takes the front's connections and has a worker serve each.

It parses nothing that a client sent: frames are read by the workers.
"""

import gc
import logging
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

from authd.helper.pool import Pool
from authd.unix.process import reset_signals
from authd.unix.sockets import peer_credentials

log = logging.getLogger(__name__)

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
SELDOM = 60.0  # seconds between two lines about the same kind of refusal


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
        reload: Callable[[], None],
        look: Callable[[], None] = lambda: None,
        lifeline: int | None = None,
    ) -> None:
        """`caller_uid` alone may connect; `reload` is called at SIGHUP, `look` at SIGUSR1.

        `orphan_deadline`: seconds that what a check left behind may live. `lifeline` is a pipe whose end means that
        this process has to end too.
        """
        self._poll = select.epoll()
        self._pool = Pool(partial(_work_undisturbed, work), self._poll, orphan_deadline)
        self._listener = listener
        self._caller_uid = caller_uid
        self.max_workers = max_workers
        self._reload = reload
        self._look = look
        self._lifeline = lifeline
        self._told: dict[str, float] = {}  # when which refusal was told last
        self._stopping = False
        self._asked_for: Callable[[], None] | None = None

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or the end of the lifeline; give the exit status."""
        wake, woken = socket.socketpair()
        with wake, woken, self._poll:
            self._hear_signals(wake, woken)
            gc.freeze()  # what is here stays shared with the workers
            self._serve({self._listener.fileno(): self._accept, wake.fileno(): lambda: _discard(wake)})
            signal.set_wakeup_fd(-1)
        self._pool.end()
        return 0

    def _hear_signals(self, wake: socket.socket, woken: socket.socket) -> None:
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)  # our parent may have held some back until now

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop()
        elif number == signal.SIGHUP:
            self._asked_for = self._reload
        elif number == signal.SIGUSR1:
            self._asked_for = self._asked_for or self._look

    def _stop(self) -> None:
        self._stopping = True

    def _serve(self, events: dict[int, Callable[[], None]]) -> None:
        """Do what belongs to each descriptor that can be read; any other is the connection of a worker."""
        if self._lifeline is not None:
            events[self._lifeline] = self._stop
        for descriptor in events:
            self._poll.register(descriptor, select.EPOLLIN)
        while not self._stopping:
            for descriptor, _ in self._poll.poll(self._pool.patience()):
                events.get(descriptor, partial(self._pool.front_has_gone, descriptor))()
            self._pool.tidy()
            if self._asked_for is not None:
                asked_for, self._asked_for = self._asked_for, None
                asked_for()
                _freeze_anew()

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
        elif len(self._pool) >= self.max_workers:
            self._refuse(connection, "refused a connection: all %d workers are busy", self.max_workers)
        else:
            self._pool.fork(connection)

    def _refuse(self, connection: socket.socket, reason: str, *values: int) -> None:
        """Close it, and tell so of the first of many."""
        connection.close()
        now = time.monotonic()
        if now - self._told.get(reason, -SELDOM) >= SELDOM:
            self._told[reason] = now
            log.warning(reason, *values)


def _work_undisturbed(work: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """Leave the parent's signals to it, and work."""
    signal.set_wakeup_fd(-1)
    reset_signals(HANDLED)
    work(connection)


def _freeze_anew() -> None:
    """Share with the workers what is here now; what nobody needs any more would otherwise stay for good."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _discard(wake: socket.socket) -> None:
    with suppress(BlockingIOError):
        while wake.recv(4096):
            pass
