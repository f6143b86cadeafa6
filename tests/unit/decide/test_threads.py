import asyncio
import threading

import pytest

from authd.decide.queue import BackendQueue, Urgency
from authd.decide.threads import Threads
from authd_backends import Outcome, Request, Secret, Verdict


def request(user: str) -> Request:
    return Request(user, Secret(b"x"))


def test_threads_start_when_they_are_needed_and_serve_again() -> None:
    names: list[str] = []
    both = threading.Barrier(2)

    def check(request: Request) -> Verdict:
        names.append(threading.current_thread().name)
        if request.user == "together":
            both.wait(60)
        return Verdict(Outcome.ACCEPTED, request.user)

    async def live() -> None:
        threads = Threads("users", check, 2)
        try:
            for user in ("one", "another"):
                assert (await threads.run(request(user))).reason == user
            await asyncio.gather(*[threads.run(request("together")) for _ in range(2)])
        finally:
            threads.close()

    asyncio.run(live())

    assert names[:2] == ["users-1", "users-1"]
    assert set(names[2:]) == {"users-1", "users-2"}


def test_what_a_check_raises_comes_out_where_it_is_awaited() -> None:
    def broken(_: Request) -> Verdict:
        raise LookupError

    async def live() -> Verdict:
        threads = Threads("users", broken, 1)
        try:
            return await threads.run(request("alice"))
        finally:
            threads.close()

    with pytest.raises(LookupError):
        asyncio.run(live())


def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    go_on = threading.Event()

    def check(_: Request) -> Verdict:
        assert go_on.wait(60)
        return Verdict(Outcome.ACCEPTED)

    async def live() -> Verdict:
        threads = Threads("users", check, 1)
        try:
            threads.run(request("alice")).cancel()
            go_on.set()
            return await threads.run(request("bob"))
        finally:
            threads.close()

    assert asyncio.run(live()).outcome is Outcome.ACCEPTED


def test_a_moment_without_threads_is_an_outage_of_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has none left twice, and some again after that."""
    left = [RuntimeError("can't start new thread")] * 2
    start = threading.Thread.start

    def start_or_not(thread: threading.Thread) -> None:
        if left:
            raise left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_not)

    async def live() -> list[Outcome]:
        threads = Threads("users", lambda _: Verdict(Outcome.ACCEPTED), 2)
        queue = BackendQueue(threads.run, max_concurrent=1, max_queued=5, deadline=60.0, cancellable=False)
        try:
            for _ in range(2):
                with pytest.raises(RuntimeError):
                    await queue.ask(request("alice"), Urgency.ANYBODY)
            answers = await asyncio.gather(*[queue.ask(request(name), Urgency.ANYBODY) for name in "abc"])
        finally:
            threads.close()
        return [answer.outcome for answer in answers]

    assert asyncio.run(live()) == [Outcome.ACCEPTED] * 3


def test_where_no_further_thread_can_start_those_that_run_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def live() -> list[Verdict]:
        threads = Threads("users", lambda request: Verdict(Outcome.ACCEPTED, request.user), 3)
        try:
            await threads.run(request("first"))
            monkeypatch.setattr(threading.Thread, "start", _no_thread)
            return await asyncio.gather(*[threads.run(request(name)) for name in "ab"])
        finally:
            threads.close()

    assert [verdict.reason for verdict in asyncio.run(live())] == ["a", "b"]


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
