"""Who is checked next when a backend has more to do than it can at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import Generic, TypeVar

from authd.decide.histogram import Histogram
from authd_backends.contract import Outcome, Request, Verdict

T = TypeVar("T")

LEARNING = 0.1  # how much the time of one check changes what counts as usual
OWNER_SLOT = 1  # one more than max_concurrent, for OWNER alone


class Urgency(IntEnum):
    """The classes, the first first."""

    OWNER = 1  # the password is the one that was last accepted for this user
    KNOWN = 2  # this user has come in from this address before
    ANYBODY = 3


class NoAnswer(Verdict):
    """The store did not answer in time. It may be slow or dead: nothing that was known before stands in for it."""

    __slots__ = ()


class Overload(NoAnswer):
    """The store answers, but not fast enough for all who ask: a flood must not choose who is asked instead."""

    __slots__ = ()


class FairQueue(Generic[T]):
    """Items by urgency; among equals each owner's oldest in turn, so that nobody's many delay another's one."""

    def __init__(self) -> None:
        self._classes: dict[Urgency, OrderedDict[str, OrderedDict[T, None]]] = {each: OrderedDict() for each in Urgency}
        self._place_of: dict[T, tuple[Urgency, str]] = {}

    def __len__(self) -> int:
        return len(self._place_of)

    def push(self, item: T, urgency: Urgency, owner: str, places: int) -> T | None:
        """Add an item. Beyond so many places one goes and is given back, which may be the item itself.

        It is the newest item of the owner who has the most in the least urgent class.
        """
        self._classes[urgency].setdefault(owner, OrderedDict())[item] = None
        self._place_of[item] = urgency, owner
        if len(self._place_of) <= places:
            return None
        owners = next(owners for owners in reversed(self._classes.values()) if owners)
        most = max(owners, key=lambda each: len(owners[each]))
        victim = next(reversed(owners[most]))
        self.discard(victim)
        return victim

    def pop(self, least: int) -> T | None:
        """Take out the next item of a class not less urgent than `least`."""
        for urgency, owners in self._classes.items():
            if urgency <= least and owners:
                owner = next(iter(owners))
                item = next(iter(owners[owner]))
                self.discard(item)
                if owner in owners:
                    owners.move_to_end(owner)
                return item
        return None

    def discard(self, item: T) -> None:
        """Take an item out, if it is in."""
        place = self._place_of.pop(item, None)
        if place is None:
            return
        urgency, owner = place
        items = self._classes[urgency][owner]
        del items[item]
        if not items:
            del self._classes[urgency][owner]


class _Job:
    __slots__ = ("answer", "began", "came", "request", "running")

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.request = request
        self.answer: asyncio.Future[Verdict] = loop.create_future()
        self.came = self.began = loop.time()
        self.running: asyncio.Future[Verdict] | None = None


class BackendQueue:
    """The checks of one backend: at most `max_concurrent` at once, one more for OWNER alone, and a bounded line.

    As far as the time tells that checks took of late, no more wait than can be served within the deadline, and none is
    begun that cannot end within it: who would only wait for nothing is told so early.

    Each is answered within `deadline` seconds. A check for which nobody waits any more is cancelled where that ends it
    (`cancellable`); otherwise it keeps its slot until it returns.
    """

    def __init__(
        self,
        run: Callable[[Request], "asyncio.Future[Verdict]"],
        *,
        max_concurrent: int,
        max_queued: int,
        deadline: float,
        cancellable: bool,
    ) -> None:
        self._run = run
        self._max_concurrent = max_concurrent
        self._max_queued = max_queued
        self._deadline = deadline
        self._cancellable = cancellable
        self._waiting: FairQueue[_Job] = FairQueue()
        self._running = 0
        self._usual = 0.0  # seconds that a check took of late; 0 while none has ended
        self.waits = Histogram()  # from a request's coming to the beginning of its check
        self.durations = Histogram()  # of checks, those that were given up as well
        self.last_duration: float | None = None  # seconds that the check took which last came to its own end
        self._answered = 0.0  # when a check last came to its own end, or the first of several began

    @property
    def running(self) -> int:
        """Checks that are under way."""
        return self._running

    @property
    def queued(self) -> int:
        """Requests that wait for their turn."""
        return len(self._waiting)

    async def ask(self, request: Request, urgency: Urgency) -> Verdict:
        """Have the request checked when its turn comes."""
        loop = asyncio.get_running_loop()
        job = _Job(replace(request, is_urgent=True) if urgency is Urgency.OWNER else request, loop)
        if self._running < self._slots_for(urgency):
            self._begin(job)
        else:
            self._wait(job, urgency)
        timer = loop.call_later(self._deadline, self._give_up, job)
        try:
            return await job.answer
        finally:
            timer.cancel()
            self._leave(job)

    def _slots_for(self, urgency: Urgency) -> int:
        return self._max_concurrent + (OWNER_SLOT if urgency is Urgency.OWNER else 0)

    def _wait(self, job: _Job, urgency: Urgency) -> None:
        places = self._places()
        dropped = self._waiting.push(job, urgency, job.request.login, places)
        if dropped is not None:
            self._end_in_vain(dropped, f"queue full: {places} are waiting")

    def _places(self) -> int:
        """How many may wait: those whose turn would come in time, and at most `max_queued`."""
        if not self._usual:
            return self._max_queued
        return min(self._max_queued, max(1, int(self._max_concurrent * self._deadline / self._usual)))

    def _begin(self, job: _Job) -> None:
        job.began = asyncio.get_running_loop().time()
        self.waits.add(job.began - job.came)
        if not self._running:
            self._answered = job.began
        try:
            job.running = self._run(job.request)
        except Exception as error:  # the chain tells it, as if the check itself had raised it
            if not job.answer.done():
                job.answer.set_exception(error)
            return
        self._running += 1
        job.running.add_done_callback(lambda running: self._settle(job, running))

    def _settle(self, job: _Job, running: "asyncio.Future[Verdict]") -> None:
        self._running -= 1
        now = asyncio.get_running_loop().time()
        self.durations.add(now - job.began)
        if not running.cancelled():
            self._answered = now
            self.last_duration = now - job.began
            self._usual += (self.last_duration - self._usual) * (LEARNING if self._usual else 1.0)
        if not job.answer.done():
            if running.cancelled():
                job.answer.cancel()
            elif error := running.exception():
                job.answer.set_exception(error)
            else:
                job.answer.set_result(running.result())
        elif not running.cancelled():
            running.exception()  # nobody waits for it any more
        while (following := self._waiting.pop(self._least())) is not None:
            if self._can_end_in_time(following):
                self._begin(following)
            else:
                self._end_in_vain(following, "queue too slow: no time left for the check")

    def _can_end_in_time(self, job: _Job) -> bool:
        """Whether what is left of the deadline is worth a try: the usual time, or half of the whole."""
        left = job.came + self._deadline - asyncio.get_running_loop().time()
        return left >= min(self._usual, self._deadline / 2)

    def _least(self) -> int:
        """The least urgent class that there is a slot for; 0 where there is none."""
        if self._running < self._max_concurrent:
            return Urgency.ANYBODY
        return Urgency.OWNER if self._running == self._max_concurrent else 0

    def _give_up(self, job: _Job) -> None:
        self._end_in_vain(job, f"no answer within {self._deadline:g} s")

    def _leave(self, job: _Job) -> None:
        """Have nothing more done for one who has his answer or has gone."""
        job.answer.cancel()
        self._waiting.discard(job)
        if self._cancellable and job.running is not None:
            job.running.cancel()

    def _end_in_vain(self, job: _Job, reason: str) -> None:
        if not job.answer.done():
            job.answer.set_result(self._in_vain(job, reason))

    def _in_vain(self, job: _Job, reason: str) -> NoAnswer:
        """Tell a queue that is too long from a store that has answered nobody for as long as anybody is to wait."""
        now = asyncio.get_running_loop().time()
        hangs = self._answered <= min(job.came, now - self._deadline)
        return (NoAnswer if job.running is not None or hangs else Overload)(Outcome.UNAVAILABLE, reason)
