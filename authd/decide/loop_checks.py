"""Checks that await their store on the loop: bounded in number, bounded in line, and by the backend's deadline."""

import asyncio
from collections.abc import Awaitable, Callable

from authd_backends.contract import Outcome, Request, Verdict

Check = Callable[[Request], Awaitable[Verdict]]


class LoopChecks:
    """The checks of one backend, as `authd.decide.threads.Threads` bounds those on threads."""

    def __init__(self, check: Check, *, max_concurrent: int, max_queued: int, deadline: float) -> None:
        self._check = check
        self._slots = asyncio.Semaphore(max_concurrent)
        self._places = max_concurrent + max_queued
        self._max_queued = max_queued
        self._taken = 0
        self._deadline = deadline

    async def ask(self, request: Request) -> Verdict:
        """Check the request in a task of its own, which may use asyncio's timeouts."""
        if self._taken >= self._places:
            return Verdict(Outcome.UNAVAILABLE, f"queue full: {self._max_queued} are waiting")
        self._taken += 1
        try:
            return await asyncio.get_running_loop().create_task(self._within_deadline(request))
        finally:
            self._taken -= 1

    async def _within_deadline(self, request: Request) -> Verdict:
        try:
            async with asyncio.timeout(self._deadline), self._slots:
                return await self._check(request)
        except TimeoutError:
            return Verdict(Outcome.UNAVAILABLE, f"no answer within {self._deadline:g} s")
