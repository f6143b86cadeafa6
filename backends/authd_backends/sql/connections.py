"""The connections to one server: kept, handed out, and given up. All of it on one event loop."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from authd_backends.errors import Unavailable
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
    """What has to be known of a database."""

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
    born: float
    used: float


class Connections(Generic[C]):
    """As many as there are questions at once: who asks bounds them.

    Where the server has none left, who asks waits for one of ours. Those that nobody needed for a while are closed.
    """

    def __init__(self, driver: Driver[C], server: Server) -> None:
        self._driver = driver
        self._server = server
        self._open = 0  # connections that are there or being made
        self._idle: list[_Kept[C]] = []  # the last used last
        self._waiting: deque[asyncio.Future[_Kept[C] | None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    async def ask(self, question: Callable[[C], Awaitable[T]]) -> T:
        """Ask once, and once more on a new connection where a kept one turns out to be dead: a question is a read.

        Raises what `question` and `Driver.connect` raise.
        """
        kept = self._take()
        if kept is not None:
            try:
                return await self._used(kept, question)
            except Lost:
                self.forget_idle()  # the others are as old
        return await self._used(await self._connected(), question)

    def forget_idle(self) -> None:
        """Close those that nobody uses."""
        idle, self._idle = self._idle, []
        for kept in idle:
            self._abort(kept)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        self.forget_idle()
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _used(self, kept: _Kept[C], question: Callable[[C], Awaitable[T]]) -> T:
        """Ask on this connection, which is idle afterwards, or closed where the question did not come to its end."""
        is_usable = False
        try:
            answer = await question(kept.connection)
            is_usable = True
        except Unavailable as error:
            is_usable = not isinstance(error, Down)  # the server said so
            raise
        finally:
            self._give_back(kept, is_usable=is_usable)
        return answer

    async def _connected(self) -> _Kept[C]:
        """Give a new connection, or where the server has none left the next one of ours that is free."""
        while True:
            try:
                return await self._made()
            except Crowded:
                kept = self._take()
                if kept is None and not self._open:
                    raise
                kept = kept or await self._next_given_back()
                if kept is not None:
                    return kept

    async def _made(self) -> _Kept[C]:
        self._open += 1
        try:
            connection = await self._driver.connect(self._server)
        except BaseException:
            self._open -= 1
            if not self._open:  # nobody is left who would give one back: who waits has to try for himself
                self._hand_over(None)
            raise
        now = time.monotonic()
        return _Kept(connection, now, now)

    async def _next_given_back(self) -> _Kept[C] | None:
        """Wait for a connection; None: one was closed, so that the server may have a place again."""
        turn: asyncio.Future[_Kept[C] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                kept = turn.result()
                if kept is not None:
                    self._give_back(kept, is_usable=True)
                else:
                    self._hand_over(None)
            raise

    def _hand_over(self, kept: _Kept[C] | None) -> bool:
        """Give a connection, or a place for one, to who waits longest; False where nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(kept)
                return True
        return False

    def _take(self) -> _Kept[C] | None:
        """Give the one that was used last; those that cannot be used any more are closed on the way."""
        while self._idle:
            kept = self._idle.pop()
            if self._is_good(kept):
                return kept
            self._abort(kept)
        return None

    def _give_back(self, kept: _Kept[C], *, is_usable: bool) -> None:
        kept.used = time.monotonic()
        is_usable = is_usable and not self._closed and self._is_good(kept)
        if not is_usable:
            self._abort(kept)
        if not self._hand_over(kept if is_usable else None) and is_usable:
            self._idle.append(kept)
            if self._sweeping is None:
                self._sweep_later()

    def _abort(self, kept: _Kept[C]) -> None:
        self._open -= 1
        self._driver.abort(kept.connection)

    def _is_good(self, kept: _Kept[C]) -> bool:
        now = time.monotonic()
        is_young = now - kept.used < LONGEST_IDLE and now - kept.born < LONGEST_LIFE
        return is_young and self._driver.is_alive(kept.connection)

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(LONGEST_IDLE, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        idle, self._idle = self._idle, []
        for kept in idle:
            if self._is_good(kept):
                self._idle.append(kept)
            else:
                self._abort(kept)
        if self._idle:
            self._sweep_later()
