"""Identical questions at the same time are one question."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls under way, by key. Whoever comes with the key of one waits for that instead of making another."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Future[T]] = {}

    async def share(self, key: Hashable, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Give the result of the call, which the first makes and the others wait for.

        Who waits may end without a trace. Where the first ends, or the call fails, the next one makes it anew.
        """
        while (flight := self._flights.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            flight.set_result(await call())
            return flight.result()
        finally:
            flight.cancel()  # where there is no result
            del self._flights[key]
