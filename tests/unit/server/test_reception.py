import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authd.server import reception
from authd.server.reception import Reception


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        yield listener


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60.0)
    client.connect(str(path))
    return client


async def for_ever(caller: socket.socket) -> None:
    await asyncio.Event().wait()


async def until_served(served: Reception, count: int) -> None:
    async with asyncio.timeout(60.0):
        while len(served) != count:
            await asyncio.sleep(0)


def test_its_end_is_the_end_of_every_connection_and_of_the_listener(tmp_path: Path) -> None:
    """Also of one that was accepted a moment ago: its task is cancelled before its first step."""

    async def story(listener: socket.socket) -> list[bytes]:
        served = Reception(listener, for_ever)
        served.start()
        clients = [connected(tmp_path / "s") for _ in range(2)]
        await until_served(served, 2)
        served.stop()
        await until_served(served, 0)
        assert listener.fileno() == -1
        said = []
        for client in clients:
            with client:
                said.append(await asyncio.to_thread(client.recv, 1))
        return said

    with listening(tmp_path / "s") as listener:
        assert asyncio.run(story(listener)) == [b"", b""]


def test_who_is_there_when_it_closes_is_served_to_the_end(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def answer(caller: socket.socket) -> None:
        await closed.wait()
        caller.send(b"!")

    async def story(listener: socket.socket) -> bytes:
        served = Reception(listener, answer)
        served.start()
        with connected(tmp_path / "s") as client:
            await until_served(served, 1)
            served.close()
            await asyncio.sleep(0)
            assert listener.fileno() == -1
            closed.set()
            await until_served(served, 0)
            return await asyncio.to_thread(client.recv, 1)

    with listening(tmp_path / "s") as listener:
        assert asyncio.run(story(listener)) == b"!"


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    async def story(listener: socket.socket) -> None:
        served = Reception(listener, for_ever)
        served.start()
        with connected(tmp_path / "s") as first, connected(tmp_path / "s") as second:
            await until_served(served, 2)
            served.drop_oldest()
            assert len(served) == 1
            assert await asyncio.to_thread(first.recv, 1) == b""
            second.setblocking(False)
            with pytest.raises(BlockingIOError):
                second.recv(1)
            served.stop()
            await until_served(served, 0)

    with listening(tmp_path / "s") as listener:
        asyncio.run(story(listener))


def test_a_system_that_cannot_accept_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "PAUSE", 0.0)

    async def story(listener: socket.socket) -> None:
        loop, failures = asyncio.get_running_loop(), [OSError("Too many open files")] * 2
        accept = loop.sock_accept

        async def sock_accept(sock: socket.socket) -> tuple[socket.socket, object]:
            if failures:
                raise failures.pop()
            return await accept(sock)

        monkeypatch.setattr(loop, "sock_accept", sock_accept)
        served = Reception(listener, for_ever)
        served.start()
        with connected(tmp_path / "s"):
            await until_served(served, 1)
            served.stop()
            await until_served(served, 0)

    with listening(tmp_path / "s") as listener:
        asyncio.run(story(listener))
