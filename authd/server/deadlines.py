"""One timer for all that wait equally long."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TICK = 0.1  # seconds between two looks


class Deadlines(Generic[T]):
    """Items in the order in which they began to wait: the first is always the next to end.

    `expire` is called with each item whose end comes before the next look, after it was taken out: an end may be early
    by one tick and is never late.
    """

    def __init__(self, length: float, expire: Callable[[T], None], clock: Callable[[], float]) -> None:
        self.length = length
        self._expire = expire
        self._clock = clock
        self._began: OrderedDict[T, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._began)

    def add(self, item: T, began: float) -> None:
        """Watch the item. `began` (in the clock's seconds) is not before that of any other item here."""
        self._began[item] = began
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep)

    def discard(self, item: T) -> None:
        """Watch it no longer."""
        self._began.pop(item, None)

    def oldest(self) -> T | None:
        """The item that began first."""
        return next(iter(self._began), None)

    def _sweep(self) -> None:
        self._timer = None
        last_began = self._clock() + TICK - self.length
        while (item := self.oldest()) is not None and self._began[item] <= last_began:
            del self._began[item]
            self._expire(item)
        if self._began and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep)
