import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from authd.decide.queue import BackendQueue, FairQueue, NoAnswer, Overload, Urgency
from authd_backends import Outcome, Request, Secret, Verdict

PLACES = 5
urgencies = st.sampled_from(Urgency)


class QueueMachine(RuleBasedStateMachine):
    """Any order of events, beside a list that is searched each time."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue()
        self.model: list[tuple[int, Urgency, str]] = []  # the oldest first
        self.next = 0

    @rule(urgency=urgencies, owner=st.sampled_from("abc"))
    def one_comes(self, urgency: Urgency, owner: str) -> None:
        self.model.append((self.next, urgency, owner))
        dropped = self.queue.push(self.next, urgency, owner, PLACES)
        self.next += 1
        if len(self.model) <= PLACES:
            assert dropped is None
            return
        least = max(urgency for _, urgency, _ in self.model)
        of_least = [owner for _, urgency, owner in self.model if urgency is least]
        (victim,) = [each for each in self.model if each[0] == dropped]
        assert victim[1] is least
        assert of_least.count(victim[2]) == max(map(of_least.count, of_least))
        assert victim == [each for each in self.model if each[1:] == victim[1:]][-1]
        self.model.remove(victim)

    @rule(least=urgencies)
    def one_is_taken(self, least: Urgency) -> None:
        taken = self.queue.pop(least)
        eligible = [each for each in self.model if each[1] <= least]
        if not eligible:
            assert taken is None
            return
        (found,) = [each for each in self.model if each[0] == taken]
        assert found[1] is min(urgency for _, urgency, _ in eligible)
        assert found == next(each for each in self.model if each[1:] == found[1:])
        self.model.remove(found)

    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        item = data.draw(st.integers(0, self.next))
        self.queue.discard(item)
        self.model = [each for each in self.model if each[0] != item]

    @invariant()
    def the_length_is_the_model_s(self) -> None:
        assert len(self.queue) == len(self.model) <= PLACES


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=30)


def test_the_many_of_one_do_not_delay_the_one_of_another() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(10):
        queue.push(f"mallory {number}", Urgency.ANYBODY, "mallory", 100)
    queue.push("alice", Urgency.ANYBODY, "alice", 100)

    assert [queue.pop(Urgency.ANYBODY) for _ in range(3)] == ["mallory 0", "alice", "mallory 1"]


class Backend:
    """Checks that end when they are told to."""

    def __init__(self) -> None:
        self.running: dict[str, asyncio.Future[Verdict]] = {}

    def run(self, request: Request) -> "asyncio.Future[Verdict]":
        self.running[request.login] = asyncio.get_running_loop().create_future()
        return self.running[request.login]

    def end(self, login: str) -> None:
        self.running.pop(login).set_result(Verdict(Outcome.ACCEPTED, login))

    def queue(
        self, max_concurrent: int, max_queued: int, deadline: float = 60.0, *, cancellable: bool = False
    ) -> BackendQueue:
        return BackendQueue(
            self.run,
            max_concurrent=max_concurrent,
            max_queued=max_queued,
            deadline=deadline,
            cancellable=cancellable,
        )


def queue_of_tasks(check: Callable[[Request], Coroutine[Any, Any, Verdict]]) -> BackendQueue:
    """One check at a time, each in a task of its own, and one that waits."""

    def run(request: Request) -> "asyncio.Task[Verdict]":
        return asyncio.create_task(check(request))

    return BackendQueue(run, max_concurrent=1, max_queued=1, deadline=60.0, cancellable=True)


Ask = Callable[..., "asyncio.Task[Verdict]"]


def live(
    queue_of: Callable[[Backend], BackendQueue], story: Callable[[Backend, Ask], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> None:
        backend = Backend()
        queue = queue_of(backend)

        def ask(login: str, urgency: Urgency = Urgency.ANYBODY) -> "asyncio.Task[Verdict]":
            return asyncio.get_running_loop().create_task(queue.ask(Request(login, Secret(b"x")), urgency))

        await story(backend, ask)

    asyncio.run(run())


async def a_while() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_so_many_run_at_once_and_the_owner_one_more() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        first, second, owner, another = ask("a"), ask("b"), ask("c", Urgency.OWNER), ask("d", Urgency.OWNER)
        await a_while()
        assert list(backend.running) == ["a", "c"]
        backend.end("a")
        await a_while()
        assert list(backend.running) == ["c", "d"], "the owner before who came earlier"
        backend.end("c")
        backend.end("d")
        await a_while()
        backend.end("b")
        for task in (first, second, owner, another):
            assert (await task).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 10), story)


def test_a_full_queue_drops_its_lowest_class_and_not_the_newcomer() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        ask("a")
        guesser = ask("b")
        await a_while()
        known = ask("c", Urgency.KNOWN)
        assert await guesser == Overload(Outcome.UNAVAILABLE, "queue full: 1 are waiting")
        assert (await ask("d")).outcome is Outcome.UNAVAILABLE
        backend.end("a")
        await a_while()
        backend.end("c")
        assert (await known).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 1), story)


def test_a_check_that_hangs_is_an_outage_after_the_deadline_and_keeps_its_slot() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        hanging = ask("a")
        assert await hanging == NoAnswer(Outcome.UNAVAILABLE, "no answer within 0.02 s")
        waiting = ask("b")
        assert (await waiting).outcome is Outcome.UNAVAILABLE
        assert list(backend.running) == ["a"]
        backend.end("a")
        await a_while()
        after = ask("c")
        await a_while()
        backend.end("c")
        assert (await after).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 5, 0.02), story)


def test_who_waits_behind_checks_that_hang_has_met_an_outage() -> None:
    """A store that answers nobody must not starve the next of the chain."""

    async def story(backend: Backend, ask: Ask) -> None:
        hanging, waiting = ask("a"), ask("b")
        await asyncio.wait([hanging, waiting])
        dropped, _ = ask("c"), ask("d")
        assert [type(await each) for each in (waiting, dropped)] == [NoAnswer, NoAnswer]

    live(lambda backend: backend.queue(1, 1, 0.02), story)


def test_who_waits_in_vain_for_a_store_that_answers_others_has_met_an_overload() -> None:
    """A flood must not lead to the next of the chain."""

    async def story(backend: Backend, ask: Ask) -> None:
        ask("a")
        ask("b")
        waiting = ask("c")
        await a_while()
        backend.end("a")
        await a_while()
        assert "b" in backend.running
        assert await waiting == Overload(Outcome.UNAVAILABLE, "no answer within 0.5 s")

    live(lambda backend: backend.queue(1, 5, 0.5), story)


def test_a_check_that_can_be_cancelled_gives_its_slot_back_at_the_deadline() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        assert (await ask("a")).outcome is Outcome.UNAVAILABLE
        assert backend.running["a"].cancelled()
        await a_while()
        ask("b")
        await a_while()
        assert "b" in backend.running
        backend.end("b")

    live(lambda backend: backend.queue(1, 5, 0.02, cancellable=True), story)


def test_who_no_longer_waits_is_not_checked() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        ask("a")
        second = ask("b")
        await a_while()
        second.cancel()
        await a_while()
        backend.end("a")
        await a_while()
        assert backend.running == {}

    live(lambda backend: backend.queue(1, 5), story)


def test_a_check_for_which_nobody_waits_any_more_gives_its_slot_back_where_it_can_be_cancelled() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        first, second = ask("a"), ask("b")
        await a_while()
        hanging = backend.running["a"]
        first.cancel()
        await a_while()
        assert hanging.cancelled()
        backend.end("b")
        assert (await second).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 5, cancellable=True), story)


def test_a_check_that_was_begun_for_one_who_is_turned_away_at_once_never_runs() -> None:
    """Where every slot of max_connections is taken the first step has been made, and no other is."""
    checked: list[str] = []

    async def check(request: Request) -> Verdict:
        checked.append(request.login)
        return Verdict(Outcome.ACCEPTED)

    async def story() -> int:
        queue = queue_of_tasks(check)
        asking = queue.ask(Request("alice", Secret(b"x")), Urgency.ANYBODY)
        asking.send(None)
        asking.close()
        await a_while()
        return queue.running

    assert asyncio.run(story()) == 0
    assert checked == []


def test_what_a_check_raises_comes_out_where_it_is_awaited() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        asked = ask("a")
        await a_while()
        backend.running.pop("a").set_exception(LookupError())
        await asyncio.wait([asked])
        assert isinstance(asked.exception(), LookupError)

    live(lambda backend: backend.queue(1, 5), story)


def test_it_tells_how_many_run_and_wait_and_how_long_the_last_one_took() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        checks = [ask("alice"), ask("bob"), ask("carol")]
        await a_while()
        assert (queues[0].running, queues[0].queued, queues[0].last_duration) == (1, 2, None)

        for login in ("alice", "bob", "carol"):
            backend.end(login)
            await a_while()

        await asyncio.gather(*checks)
        assert (queues[0].running, queues[0].queued) == (0, 0)
        assert queues[0].last_duration is not None

    queues: list[BackendQueue] = []

    def queue_of(backend: Backend) -> BackendQueue:
        queues.append(backend.queue(1, 5))
        return queues[0]

    live(queue_of, story)


def test_who_would_wait_for_nothing_is_told_so_at_once() -> None:
    """Checks have taken half the deadline of late: two can be served in time, a third cannot."""

    async def story(backend: Backend, ask: Ask) -> None:
        slow = ask("slow")
        await asyncio.sleep(0.1)
        backend.end("slow")
        assert (await slow).outcome is Outcome.ACCEPTED
        running, *waiting = [ask(name) for name in "abcde"]
        await a_while()
        told = [task.result().reason.partition(":")[0] for task in waiting if task.done()]
        assert set(told) == {"queue full"}
        assert 1 <= len(waiting) - len(told) <= 2
        backend.end("a")
        assert (await running).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 100, 0.2), story)


def test_what_cannot_end_in_time_is_not_begun() -> None:
    async def story(backend: Backend, ask: Ask) -> None:
        slow = ask("slow")
        waiting = ask("waiting")
        await asyncio.sleep(0.15)
        backend.end("slow")
        assert (await slow).outcome is Outcome.ACCEPTED
        assert (await waiting).reason == "queue too slow: no time left for the check"
        assert backend.running == {}
        after = ask("after")
        await a_while()
        backend.end("after")
        assert (await after).outcome is Outcome.ACCEPTED

    live(lambda backend: backend.queue(1, 100, 0.2), story)


def test_the_backend_is_told_for_whom_it_is_urgent() -> None:
    """One that waits for a server first has a line of its own for what comes then."""
    told: list[bool] = []

    async def check(request: Request) -> Verdict:
        told.append(request.is_urgent)
        return Verdict(Outcome.ACCEPTED)

    async def story() -> None:
        queue = queue_of_tasks(check)
        for urgency in Urgency:
            await queue.ask(Request("alice", Secret(b"x")), urgency)

    asyncio.run(story())
    assert told == [True, False, False]
