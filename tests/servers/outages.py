"""Clients of a backend while its server fails, and how their wire is slowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from authd_backends import LoopBackend, Outcome, Request, Secret
from tests.servers.asking import Crowd
from tests.servers.process import DEADLINE

CLIENTS = 8


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


@asynccontextmanager
async def slow_wire(port: int, to: int, seconds: float) -> AsyncIterator[None]:
    """Carry bytes between two ports of the loopback, each piece so much later."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(seconds)
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        try:
            await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)
        finally:
            for each in (writer, far_writer):
                each.transport.abort()

    async with await asyncio.start_server(accept, "127.0.0.1", port):
        yield


async def cancelled(backend: LoopBackend) -> None:
    """Ask and do not wait for the answer, as when the queue's deadline has passed; new connections among them."""
    asked = Request("alice", Secret(b"secret"))
    checks = [asyncio.create_task(backend.check(asked)) for _ in range(2 * CLIENTS)]
    await asyncio.sleep(0.05)
    for check in checks:
        check.cancel()
    await asyncio.gather(*checks, return_exceptions=True)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
