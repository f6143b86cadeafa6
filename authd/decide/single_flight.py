"""Identical questions at the same time are one question."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from authd.decide.first_step import Begun, begin

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls under way, by key. Whoever comes with the key of one waits for that instead of making another."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[T]] = {}

    async def share(self, key: Hashable, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Give the result of the call. The end of one who waits never ends the call."""
        flight = self._flights.get(key)
        if flight is None:
            begun = begin(call())
            if not isinstance(begun, Begun):
                return begun
            flight = asyncio.get_running_loop().create_task(begun.finish())
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)
