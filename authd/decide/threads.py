"""Blocking checks on threads: bounded in number, bounded in line, and never longer than the backend's deadline."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable

from authd.unix.process import nice_this_thread
from authd_backends.contract import Outcome, Request, Verdict

NICENESS = 5  # more, and a niced thread that holds the GIL stalls the loop

Check = Callable[[Request], Verdict]


class Threads:
    """The threads of one backend.

    At most `max_concurrent` checks run at once; threads start when first needed. At most `max_queued` wait; one more
    is told UNAVAILABLE at once, and so is one that waited for `deadline` seconds in all. A check that is under way is
    not ended by that: Python cannot end a thread, so its slot stays taken until it returns.
    """

    def __init__(self, name: str, check: Check, *, max_concurrent: int, max_queued: int, deadline: float) -> None:
        self._name = name
        self._check = check
        self._max_concurrent = max_concurrent
        self._max_queued = max_queued
        self._deadline = deadline
        self._waiting: OrderedDict[asyncio.Future[Verdict], Request] = OrderedDict()
        self._work = threading.Condition()
        self._started = 0
        self._idle = 0
        self._closed = False

    async def ask(self, request: Request) -> Verdict:
        """Check the request on a thread."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        with self._work:
            if len(self._waiting) >= self._max_queued + self._idle:
                return Verdict(Outcome.UNAVAILABLE, f"queue full: {self._max_queued} are waiting")
            self._waiting[answer] = request
            if self._idle < len(self._waiting) and self._started < self._max_concurrent:
                self._start_thread(loop)
            else:
                self._work.notify()
        timer = loop.call_later(self._deadline, self._give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()
            with self._work:
                self._waiting.pop(answer, None)

    def close(self) -> None:
        """Let idle threads end. What is under way goes on; whoever still waits is not checked any more."""
        with self._work:
            self._closed = True
            self._work.notify_all()

    def _give_up(self, answer: asyncio.Future[Verdict]) -> None:
        if not answer.done():
            answer.set_result(Verdict(Outcome.UNAVAILABLE, f"no answer within {self._deadline:g} s"))

    def _start_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        self._started += 1
        self._idle += 1  # from here on, or a burst finds the queue full before its threads have begun to run
        name = f"{self._name}-{self._started}"
        threading.Thread(target=self._run, args=(loop,), name=name, daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        nice_this_thread(NICENESS)
        while (job := self._next()) is not None:
            answer, request = job
            outcome = self._outcome(request)
            with self._work:
                self._idle += 1
            try:
                loop.call_soon_threadsafe(_settle, answer, outcome)
            except RuntimeError:  # the loop has ended: nobody waits
                return
            del job, request  # or an idle thread would keep the last password

    def _next(self) -> tuple[asyncio.Future[Verdict], Request] | None:
        with self._work:
            while not self._waiting and not self._closed:
                self._work.wait()
            self._idle -= 1
            return None if self._closed else self._waiting.popitem(last=False)

    def _outcome(self, request: Request) -> Verdict | Exception:
        try:
            return self._check(request)
        except Exception as error:  # the chain tells it, as it does for every placement
            return error


def _settle(answer: asyncio.Future[Verdict], outcome: Verdict | Exception) -> None:
    if answer.done():
        return
    if isinstance(outcome, Verdict):
        answer.set_result(outcome)
    else:
        answer.set_exception(outcome)
