"""A wire between a client and a TCP server, for what no server does on its own; both ends on the test's loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Carry = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wire(at: tuple[str, int], to: tuple[str, int], there: Carry, back: Carry) -> AsyncIterator[None]:
    """Carry bytes as `there` writes the client's and `back` the server's; where one raises, both ends are cut."""
    pairs: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, written: Carry) -> None:
        while data := await reader.read(65536):
            await written(data, writer)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*to)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(carry(reader, far_writer, there))
                group.create_task(carry(far_reader, writer, back))
        except* OSError:
            pass
        finally:
            for each in (writer, far_writer):
                each.transport.abort()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = asyncio.get_running_loop().create_task(accept(reader, writer))
        pairs.add(pair)
        pair.add_done_callback(pairs.discard)

    server = await asyncio.start_server(accepted, *at)
    try:
        yield
    finally:
        server.close()
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)


async def plainly(data: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(data)


def later(seconds: float) -> Carry:
    """Each piece so much later."""

    async def carry(data: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(data)

    return carry


async def byte_by_byte(data: bytes, writer: asyncio.StreamWriter) -> None:
    for position in range(len(data)):
        writer.write(data[position : position + 1])
        await writer.drain()
        await asyncio.sleep(0)
