"""Blocking checks on threads of one backend, which start when first needed."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

from authd.unix.process import nice_this_thread
from authd_backends.contract import Request, Verdict

NICENESS = 5  # more, and a niced thread that holds the GIL stalls the loop

Job = tuple[Request, "asyncio.Future[Verdict]"]


class Threads:
    """Runs checks, each on a thread of at most `count`. Python cannot end a thread: who asks bounds the waiting."""

    def __init__(self, name: str, check: Callable[[Request], Verdict], count: int) -> None:
        self._name = name
        self._check = check
        self._count = count
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started = 0
        self._busy = 0

    def run(self, request: Request) -> "asyncio.Future[Verdict]":
        """Check the request; at most `count` may be under way. Called on the loop, as all here but `_work`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        if self._busy >= self._started:
            self._start_thread(loop)
        self._busy += 1
        self._jobs.put((request, answer))
        return answer

    def close(self) -> None:
        """Let the threads end when they have done what they were given."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _start_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start one more. Where the system has none left those that run do the work; without any the check fails."""
        name = f"{self._name}-{self._started + 1}"
        try:
            threading.Thread(target=self._work, args=(loop,), name=name, daemon=True).start()
        except RuntimeError:
            if not self._started:
                raise
        else:
            self._started += 1

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        nice_this_thread(NICENESS)
        while (job := self._jobs.get()) is not None:
            request, answer = job
            outcome = self._outcome(request)
            try:
                loop.call_soon_threadsafe(self._settle, answer, outcome)
            except RuntimeError:  # the loop has ended: nobody waits
                return
            del job, request  # or an idle thread would keep the last password

    def _outcome(self, request: Request) -> Verdict | Exception:
        try:
            return self._check(request)
        except Exception as error:  # the chain tells it, as it does for every placement
            return error

    def _settle(self, answer: "asyncio.Future[Verdict]", outcome: Verdict | Exception) -> None:
        self._busy -= 1
        if answer.done():
            return
        if isinstance(outcome, Verdict):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)
