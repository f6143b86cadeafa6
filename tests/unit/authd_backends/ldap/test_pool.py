"""What a pool does while its server hangs; with servers that answer tests/peers has it at work."""

import asyncio
import threading
import time
from typing import NoReturn

import pytest

from authd_backends.errors import Unavailable
from authd_backends.ldap.pool import MAX_OPENING, Pool

DEADLINE = 30.0  # seconds


class Hanging:
    """A server whose name nobody resolves until `released`."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.tries = 0

    def opened(self) -> NoReturn:
        self.tries += 1
        self.released.wait(DEADLINE)
        raise Unavailable("nowhere: no such host")


async def until_threads_end(before: int) -> None:
    end = time.monotonic() + DEADLINE
    while threading.active_count() > before:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_a_server_that_hangs_holds_few_threads_and_nobody_beyond_his_deadline() -> None:
    async def story() -> None:
        before, server = threading.active_count(), Hanging()
        pool = Pool("nowhere", server.opened)

        for _ in range(3):
            takes = [pool.take(0.05) for _ in range(20)]
            problems = await asyncio.gather(*takes, return_exceptions=True)
            assert {str(problem) for problem in problems} == {"nowhere: no connection within 0.05 s"}
            assert threading.active_count() - before <= MAX_OPENING

        server.released.set()
        await until_threads_end(before)
        assert server.tries == MAX_OPENING

    asyncio.run(story())


def test_a_server_that_fails_fails_all_who_wait_and_is_not_tried_for_each() -> None:
    async def story() -> None:
        before, server = threading.active_count(), Hanging()
        server.released.set()
        pool = Pool("nowhere", server.opened)

        problems = await asyncio.gather(*(pool.take(DEADLINE) for _ in range(20)), return_exceptions=True)

        assert {str(problem) for problem in problems} == {"nowhere: no such host"}
        await until_threads_end(before)
        assert server.tries <= MAX_OPENING

    asyncio.run(story())


def test_who_is_cancelled_leaves_nothing_and_a_loop_that_has_ended_is_no_defect() -> None:
    before, server = threading.active_count(), Hanging()
    pool = Pool("nowhere", server.opened)

    async def story() -> None:
        take = asyncio.create_task(pool.take(DEADLINE))
        await asyncio.sleep(0)
        take.cancel()
        with pytest.raises(asyncio.CancelledError):
            await take

    asyncio.run(story())
    server.released.set()
    asyncio.run(until_threads_end(before))


def test_a_failure_that_began_before_somebody_came_is_not_his() -> None:
    """Else the first login after a restart would be told of the outage before it."""

    async def story() -> None:
        before, server = threading.active_count(), Hanging()
        pool = Pool("nowhere", server.opened)
        with pytest.raises(Unavailable):
            await pool.take(0.05)

        newcomer = asyncio.create_task(pool.take(DEADLINE))
        await asyncio.sleep(0)
        server.released.set()

        with pytest.raises(Unavailable):
            await newcomer
        assert server.tries == 2
        await until_threads_end(before)

    asyncio.run(story())
