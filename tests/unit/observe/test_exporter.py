import asyncio
import logging
import socket
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import pytest

from authd.observe import exporter
from authd.observe.exporter import Exporter, Page
from authd.observe.http import TEXT, Reply
from tests.servers.scraping import Got, get


async def hello(headers: Mapping[str, str]) -> Reply:
    return Reply(HTTPStatus.OK, TEXT, f"hello {headers.get('host')}\n".encode())


async def broken(headers: Mapping[str, str]) -> Reply:
    raise LookupError("s3cret")


def asked(path: Path, target: str, method: str = "GET") -> Got:
    (got,) = asked_by_many(path, {"/": hello, "/broken": broken}, 1, target, method)
    return got


def asked_by_many(
    path: Path, pages: Mapping[str, Page], count: int, target: str = "/", method: str = "GET"
) -> list[Got]:
    def client() -> Got:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60.0)
        connection.connect(str(path))
        return get(connection, target, method=method)

    async def live() -> list[Got]:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            listening.setblocking(False)
            serving = Exporter(listening, pages)
            serving.start()
            got = await asyncio.gather(*(asyncio.to_thread(client) for _ in range(count)))
            serving.stop()
            return got

    return asyncio.run(live())


def test_a_page_is_served_by_its_path(tmp_path: Path) -> None:
    assert asked(tmp_path / "s", "/?x=1")[::2] == (200, b"hello authd\n")
    assert asked(tmp_path / "t", "/index.html")[::2] == (404, b"404 Not Found\n")


def test_head_gets_the_length_and_no_body(tmp_path: Path) -> None:
    got = asked(tmp_path / "s", "/", "HEAD")

    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "12")


def test_a_defect_of_a_page_is_told_without_its_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        got = asked(tmp_path / "s", "/broken")

    assert got[::2] == (500, b"500 Internal Server Error\n")
    assert "metrics: LookupError at " in caplog.text
    assert "s3cret" not in caplog.text


def test_pages_are_made_one_at_a_time(tmp_path: Path) -> None:
    """Each takes the loop in turns of its own: thirty at once would hold it up for as many turns."""
    made = [0]

    async def slow(headers: Mapping[str, str]) -> Reply:
        made[0] += 1
        others = made[0]
        for _ in range(100):
            await asyncio.sleep(0)
        assert made[0] == others, "another was begun meanwhile"
        return await hello(headers)

    assert [got.status for got in asked_by_many(tmp_path / "s", {"/": slow}, 10)] == [200] * 10


def test_who_never_says_what_it_wants_is_left_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "DEADLINE", 0.05)

    async def live() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            serving = Exporter(listening, {})
            serving.start()
            with socket.create_connection(listening.getsockname(), 60.0) as client:
                client.sendall(b"GET / HTTP")
                answer = await asyncio.to_thread(client.recv, 1)
            serving.stop()
            return answer

    assert asyncio.run(live()) == b""
