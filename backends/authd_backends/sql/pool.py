"""Questions to the first of several servers that answers."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from authd_backends.errors import Unavailable
from authd_backends.failover import Failover
from authd_backends.sql.connections import Connections, Crowded, Down, Driver, Lost, Refused
from authd_backends.sql.options import Server

__all__ = ["Crowded", "Down", "Driver", "Lost", "Pool", "Refused"]

C = TypeVar("C")
T = TypeVar("T")


class Pool(Generic[C]):
    """Kept connections to several servers, the preferred first. A question is a read, so any of them may be asked."""

    def __init__(self, driver: Driver[C], servers: Sequence[Server]) -> None:
        self._failover = Failover(servers, time.monotonic, random.SystemRandom().random)
        self._connections = {server: Connections(driver, server) for server in servers}
        self._problem = "no server has answered"

    async def ask(self, question: Callable[[C], Awaitable[T]]) -> T:
        """Give the answer of the first server that has one.

        Raises Unavailable where none has, at once while all are known to be dead, and what `question` raises, which
        says Down or Lost for a connection that is of no further use.
        """
        tried: set[Server] = set()
        while (server := self._failover.choose(tried)) is not None:
            began = time.monotonic()
            try:
                answer = await self._connections[server].ask(question)
            except (Down, Crowded) as error:
                self._problem = f"{server}: {error}"
                tried.add(server)
                if isinstance(error, Down):
                    self._failover.failed(server, began)
                    self._connections[server].forget_idle()
            except Unavailable as error:
                self._failover.succeeded(server)
                raise Unavailable(f"{server}: {error}") from error
            else:
                self._failover.succeeded(server)
                return answer
        raise Unavailable(self._problem)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        for connections in self._connections.values():
            connections.close()
