"""Answers that are held back: a heap and one coarse timer, no task and no timer of their own."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_HELD = 10_000  # beyond it the first one due is sent early
TICK = 0.05  # seconds between two looks: an answer is late by no more


class Holds(Generic[T]):
    """Items and when they are due. `send` is called with each once, when it is due or when there are too many."""

    def __init__(self, send: Callable[[T], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._heap: list[tuple[float, int, T]] = []
        self._number = count()  # items need no order of their own
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, item: T, due: float) -> None:
        """Hold an item until `due`, on the clock."""
        heappush(self._heap, (due, next(self._number), item))
        if len(self._heap) > MAX_HELD:
            self._send(heappop(self._heap)[2])
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            self._send(heappop(self._heap)[2])
        if self._heap and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._sweep)
