import asyncio
import threading

import pytest

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
