import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from authd.decide.threads import Threads
from authd_backends import Outcome, Request, Secret, Verdict


def request(user: str) -> Request:
    return Request(user, Secret(b"x"))


class Gate:
    """A check that answers when it is told to, and counts how many are inside at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def check(self, request: Request) -> Verdict:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.release()
        assert self.opened.wait(60)
        with self._lock:
            self.inside -= 1
        return Verdict(Outcome.ACCEPTED, request.user)

    async def wait_until_entered(self) -> None:
        await asyncio.to_thread(self.entered.acquire)


@contextmanager
def threads(gate: Gate, max_concurrent: int, max_queued: int, deadline: float = 60.0) -> Iterator[Threads]:
    made = Threads("users", gate.check, max_concurrent=max_concurrent, max_queued=max_queued, deadline=deadline)
    try:
        yield made
    finally:
        gate.opened.set()
        made.close()


def test_no_more_checks_run_at_once_than_were_allowed_and_all_are_answered() -> None:
    gate = Gate()

    async def ask() -> list[Verdict]:
        with threads(gate, 2, 10) as pool:
            asked = [asyncio.create_task(pool.ask(request(str(number)))) for number in range(12)]
            await gate.wait_until_entered()
            await gate.wait_until_entered()
            gate.opened.set()
            return await asyncio.gather(*asked)

    verdicts = asyncio.run(ask())

    assert [verdict.reason for verdict in verdicts] == [str(number) for number in range(12)]
    assert gate.most == 2


def test_a_full_queue_is_an_outage_at_once() -> None:
    gate = Gate()

    async def ask() -> tuple[Verdict, tuple[Verdict, Verdict]]:
        with threads(gate, 1, 1) as pool:
            first = asyncio.create_task(pool.ask(request("first")))
            await gate.wait_until_entered()
            second = asyncio.create_task(pool.ask(request("second")))
            await asyncio.sleep(0)
            third = await pool.ask(request("third"))
            gate.opened.set()
            return third, await asyncio.gather(first, second)

    third, others = asyncio.run(ask())

    assert third == Verdict(Outcome.UNAVAILABLE, "queue full: 1 are waiting")
    assert {verdict.outcome for verdict in others} == {Outcome.ACCEPTED}


def test_a_check_that_hangs_is_an_outage_after_the_deadline_and_holds_nobody_but_its_slot() -> None:
    gate = Gate()

    async def ask() -> tuple[Verdict, Verdict]:
        with threads(gate, 1, 1, deadline=0.05) as pool:
            hanging = await pool.ask(request("first"))
            waiting = await pool.ask(request("second"))
            return hanging, waiting

    for verdict in asyncio.run(ask()):
        assert verdict == Verdict(Outcome.UNAVAILABLE, "no answer within 0.05 s")


def test_who_was_given_up_while_he_waited_is_not_checked() -> None:
    gate = Gate()

    async def ask() -> Verdict:
        with threads(gate, 1, 5) as pool:
            first = asyncio.create_task(pool.ask(request("first")))
            await gate.wait_until_entered()
            second = asyncio.create_task(pool.ask(request("second")))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            gate.opened.set()
            await first
            return await pool.ask(request("third"))

    assert asyncio.run(ask()).reason == "third"
    assert gate.entered._value == 1  # the third; the second never came in


def test_what_a_check_raises_comes_out_where_it_is_awaited() -> None:
    def broken(_: Request) -> Verdict:
        raise LookupError

    async def ask() -> Verdict:
        pool = Threads("users", broken, max_concurrent=1, max_queued=1, deadline=60.0)
        try:
            return await pool.ask(request("alice"))
        finally:
            pool.close()

    with pytest.raises(LookupError):
        asyncio.run(ask())
