"""The connections of one role to one server."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from authd_backends.errors import Unavailable
from authd_backends.ldap.connection import Connection
from authd_backends.ldap.opening import Handle, close

MAX_OPENING = 4  # threads; one that hangs in DNS holds its place
LONGEST_IDLE = 60.0  # seconds

Waiters = frozenset[asyncio.Future[Connection]]


class Pool:
    """Gives out connections, kept ones first, and lets the oldest who waits have what comes first.

    That may be a new connection or one that another gives back: a server that takes no further connections still
    answers over those that it has. There are never more than those who ask at once, and no more threads than
    `MAX_OPENING`, however long a server hangs.
    """

    def __init__(self, name: str, opened: Callable[[], Handle]) -> None:
        """`opened` blocks, and raises Unavailable."""
        self._name = name
        self._opened = opened
        self._idle: deque[Connection] = deque()  # the one last used at the right
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._opening = 0
        self._taken = 0
        self._closed = False

    async def take(self, seconds: float) -> Connection:
        """Give a connection that is open, as far as can be seen. Raises Unavailable after so many seconds."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_quiet():
                self._taken += 1
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection] = loop.create_future()
        self._waiting.append(waiter)
        self._open_more(loop)
        expiry = loop.call_later(seconds, self._expire, waiter, seconds)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())
            raise
        finally:
            expiry.cancel()
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def give_back(self, connection: Connection) -> None:
        """Take back what `take` gave, closed or not."""
        self._taken -= 1
        self._put(connection)
        if not connection.is_open:
            self._open_more(connection.loop)

    def drop_idle(self) -> None:
        """Close what is kept: another of its age was broken."""
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close what is kept; what is out or being opened is closed when it comes back."""
        self._closed = True
        self.drop_idle()

    def _put(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
        if not connection.is_open:
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._taken += 1
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        while connection.idle_since - self._idle[0].idle_since > LONGEST_IDLE:
            self._idle.popleft().close()

    def _open_more(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._opening < min(MAX_OPENING, len(self._waiting)):
            self._opening += 1
            args = (loop, frozenset(self._waiting))
            threading.Thread(target=self._open, args=args, name=f"open {self._name}", daemon=True).start()

    def _open(self, loop: asyncio.AbstractEventLoop, waited: Waiters) -> None:
        """On a thread."""
        handle, problem = None, f"{self._name}: no connection"
        try:
            handle = self._opened()
        except Unavailable as error:
            problem = str(error)
        finally:
            try:
                loop.call_soon_threadsafe(partial(self._take_in, loop, handle, problem, waited))
            except RuntimeError:  # the loop has ended
                if handle is not None:
                    close(handle)

    def _take_in(self, loop: asyncio.AbstractEventLoop, handle: Handle | None, problem: str, waited: Waiters) -> None:
        """`waited`: who did when the opening began. Who came later is not told of its failure: it may be long over."""
        self._opening -= 1
        if handle is not None:
            self._put(Connection(handle, loop))
            self._open_more(loop)
        elif not self._taken and waited.isdisjoint(self._waiting):
            self._open_more(loop)
        elif not self._taken:
            self._fail_all(problem)

    def _fail_all(self, problem: str) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable(problem))

    def _expire(self, waiter: asyncio.Future[Connection], seconds: float) -> None:
        if not waiter.done():
            waiter.set_exception(Unavailable(f"{self._name}: no connection within {seconds:g} s"))
