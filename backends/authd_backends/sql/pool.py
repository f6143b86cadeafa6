"""Connections to the first of several servers that answers, kept and handed out. All of it on one event loop."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from authd_backends.errors import Unavailable
from authd_backends.failover import Failover
from authd_backends.sql.options import Server

LONGEST_IDLE = 60.0  # seconds: less than what firewalls and servers (MySQL: wait_timeout) forget a connection after
LONGEST_LIFE = 600.0  # seconds: then the name is looked up anew

C = TypeVar("C")
T = TypeVar("T")


class Down(Unavailable):
    """A server that does not answer: the next one is asked."""


class Lost(Down):
    """A connection that ended: the server may have been started anew since it was last used."""


class Crowded(Unavailable):
    """A server that answers, but has no connection left."""


class Refused(Unavailable):
    """What a server says of our account or query, and will say again."""


class Driver(Protocol[C]):
    """What a pool needs to know of a database."""

    async def connect(self, server: Server) -> C:
        """Give a connection that is ready for queries; when cancelled, leave nothing behind.

        Raises Down, Crowded or Refused.
        """

    def is_alive(self, connection: C) -> bool:
        """Whether the server has not closed it, as far as is known without asking."""

    def abort(self, connection: C) -> None:
        """Close it at once, whatever state it is in, without waiting for the server."""


@dataclass(slots=True)
class _Kept(Generic[C]):
    connection: C
    server: Server
    born: float
    used: float


class Pool(Generic[C]):
    """As many connections as there are questions at once: who asks bounds them.

    A question is a read, so it is asked once more on a fresh connection where a kept one turns out to be dead, and of
    the next server where one does not answer. Of a server that has no connection left it waits for one of ours.
    """

    def __init__(self, driver: Driver[C], servers: Sequence[Server]) -> None:
        self._driver = driver
        self._failover = Failover(servers, time.monotonic, random.SystemRandom().random)
        self._idle: deque[_Kept[C]] = deque()  # the last used last
        self._busy = dict.fromkeys(servers, 0)
        self._waiting: dict[Server, deque[asyncio.Future[_Kept[C] | None]]] = {server: deque() for server in servers}
        self._sweeping: asyncio.TimerHandle | None = None
        self._problem = "no server has answered"
        self._closed = False

    async def ask(self, question: Callable[[C], Awaitable[T]]) -> T:
        """Give the answer of the first server that has one.

        Raises Unavailable where none has, at once while all are known to be dead, and what `question` raises, which
        says Down or Lost for a connection that is of no further use.
        """
        tried: set[Server] = set()
        while (server := self._failover.choose(tried)) is not None:
            began = time.monotonic()
            try:
                answer = await self._ask_server(server, question)
            except (Down, Crowded) as error:
                self._problem = f"{server}: {error}"
                tried.add(server)
                if isinstance(error, Down):
                    self._failover.failed(server, began)
                    self._forget(server)
            except Unavailable as error:
                self._failover.succeeded(server)
                raise Unavailable(f"{server}: {error}") from error
            else:
                self._failover.succeeded(server)
                return answer
        raise Unavailable(self._problem)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        for server in self._busy:
            self._forget(server)
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _ask_server(self, server: Server, question: Callable[[C], Awaitable[T]]) -> T:
        kept = self._take(server)
        if kept is not None:
            try:
                return await self._used(kept, question)
            except Lost:
                self._forget(server)  # the others are as old
        return await self._used(await self._connected(server), question)

    async def _used(self, kept: _Kept[C], question: Callable[[C], Awaitable[T]]) -> T:
        """Ask on this connection, which is idle afterwards, or closed where the question did not come to its end."""
        self._busy[kept.server] += 1
        is_usable = False
        try:
            answer = await question(kept.connection)
            is_usable = True
        except Unavailable as error:
            is_usable = not isinstance(error, Down)  # the server said so
            raise
        finally:
            self._busy[kept.server] -= 1
            self._give_back(kept, is_usable=is_usable)
        return answer

    async def _connected(self, server: Server) -> _Kept[C]:
        while True:
            try:
                connection = await self._driver.connect(server)
            except Crowded:
                if not self._busy[server]:
                    raise
                kept = await self._next_given_back(server)
                if kept is not None:
                    return kept
            else:
                now = time.monotonic()
                return _Kept(connection, server, now, now)

    async def _next_given_back(self, server: Server) -> _Kept[C] | None:
        """Wait for a connection; None: one was closed, so that the server has a place again."""
        turn: asyncio.Future[_Kept[C] | None] = asyncio.get_running_loop().create_future()
        self._waiting[server].append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (kept := turn.result()) is not None:
                self._give_back(kept, is_usable=True)
            raise

    def _take(self, server: Server) -> _Kept[C] | None:
        """Give the connection that was used last; those that cannot be used any more are closed on the way."""
        self._sweep()
        for kept in reversed(self._idle):
            if kept.server == server:
                self._idle.remove(kept)
                return kept
        return None

    def _give_back(self, kept: _Kept[C], *, is_usable: bool) -> None:
        kept.used = time.monotonic()
        is_usable = is_usable and not self._closed and self._is_good(kept)
        if not is_usable:
            self._driver.abort(kept.connection)
        waiting = self._waiting[kept.server]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(kept if is_usable else None)
                return
        if is_usable:
            self._idle.append(kept)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(LONGEST_IDLE, self._sweep_again)

    def _is_good(self, kept: _Kept[C]) -> bool:
        now = time.monotonic()
        is_young = now - kept.used < LONGEST_IDLE and now - kept.born < LONGEST_LIFE
        return is_young and self._driver.is_alive(kept.connection)

    def _forget(self, server: Server) -> None:
        self._keep([each for each in self._idle if each.server != server])

    def _sweep(self) -> None:
        if not all(map(self._is_good, self._idle)):
            self._keep([each for each in self._idle if self._is_good(each)])

    def _keep(self, good: list[_Kept[C]]) -> None:
        closed = [each for each in self._idle if each not in good]
        self._idle = deque(good)
        for each in closed:
            self._driver.abort(each.connection)

    def _sweep_again(self) -> None:
        self._sweeping = None
        self._sweep()
        if self._idle and not self._closed:
            self._sweeping = asyncio.get_running_loop().call_later(LONGEST_IDLE, self._sweep_again)
