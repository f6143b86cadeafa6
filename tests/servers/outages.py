"""Clients of a backend while its server fails."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from authd_backends import LoopBackend, Outcome, Request, Secret
from tests.servers.asking import Crowd
from tests.servers.process import DEADLINE

Place = tuple[str, int]  # address and port

CLIENTS = 8
ALICE = Request("alice", Secret(b"secret"))


@asynccontextmanager
async def crowd_on(backend: LoopBackend) -> AsyncIterator[Crowd]:
    """Let clients log in; nobody may be refused or kept waiting, and nothing may be left behind."""
    crowd = Crowd(backend, "alice", "secret")
    with crowd.at_work(CLIENTS):
        await crowd.wait_for(Outcome.ACCEPTED)
        yield crowd
        await crowd.wait_for(Outcome.ACCEPTED)
    backend.close()
    assert {login.outcome for login in crowd.logins} <= {Outcome.ACCEPTED, Outcome.UNAVAILABLE}
    assert max(login.seconds for login in crowd.logins) < DEADLINE


async def cancelled(backend: LoopBackend) -> None:
    """Ask and do not wait for the answer, as when the queue's deadline has passed; new connections among them."""
    checks = [asyncio.create_task(backend.check(ALICE)) for _ in range(2 * CLIENTS)]
    await asyncio.sleep(0.05)
    for check in checks:
        check.cancel()
    await asyncio.gather(*checks, return_exceptions=True)


@contextmanager
def black_hole(place: Place) -> Iterator[None]:
    """A port whose backlog is full: the kernel drops every further SYN."""
    with socket.create_server(place, backlog=0):
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(place)
        try:
            yield
        finally:
            for each in waiting:
                each.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
