"""When the watchdog is fed, and when it is not."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.daemon.watchdog import FEEDS, Watchdog, period
from authd.protocols.saslauthd import PROBE

PATIENCE = 0.05  # seconds of a probe here
ANSWER = b"\0\2NO"
MAX_REQUEST = 64  # bytes


class Enough(Exception):  # noqa: N818  # no error
    """The test has seen what it wants to see."""


def fed(path: Path, *, rounds: int = 1, accepted: Callable[[], int] = lambda: 0) -> int:
    """How often it feeds in so many rounds."""
    feeds: list[None] = []
    left = [rounds]

    async def sleep(_: float) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise Enough

    watchdog = Watchdog(PATIENCE, lambda: [path], accepted, lambda: feeds.append(None), sleep=sleep)
    with pytest.raises(Enough):
        asyncio.run(watchdog.run())
    return len(feeds)


def fed_by(path: Path, answer: bytes | None, patience: float = 30.0) -> int:
    """As `fed`, of a server that gives this answer to the probe, or none."""
    feeds: list[None] = []

    async def serve(listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        client, _ = await loop.sock_accept(listening)
        with client:
            assert await loop.sock_recv(client, MAX_REQUEST) == PROBE
            await loop.sock_sendall(client, answer or b"")
            await asyncio.get_running_loop().create_future()

    async def sleep(_: float) -> None:
        raise Enough

    async def live() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listening:
            listening.bind(str(path))
            listening.listen()
            served = asyncio.create_task(serve(listening))
            try:
                await Watchdog(patience, lambda: [path], lambda: 0, lambda: feeds.append(None), sleep=sleep).run()
            finally:
                served.cancel()
                await asyncio.wait([served])

    with pytest.raises(Enough):
        asyncio.run(live())
    return len(feeds)


@contextmanager
def full_backlog(path: Path) -> Iterator[None]:
    with ExitStack() as opened:
        listening = opened.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(str(path))
        listening.listen(0)
        with suppress(BlockingIOError):
            while True:
                client = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
                client.connect(str(path))
        yield


@pytest.mark.parametrize("answer", [ANSWER, b"\0\x14NO malformed request"])
def test_it_is_fed_where_the_codec_answers_no(tmp_path: Path, answer: bytes) -> None:
    assert fed_by(tmp_path / "mux", answer) == 1


@pytest.mark.parametrize("answer", [b"\0\2OK", b"\0\0", b"NO"])
def test_it_is_not_fed_by_any_other_answer(tmp_path: Path, answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert fed_by(tmp_path / "mux", answer) == 0
    assert "expected the answer NO" in caplog.text


def test_it_is_not_fed_where_no_answer_comes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert fed_by(tmp_path / "mux", None, PATIENCE) == 0
    assert "expected an answer within" in caplog.text


def test_it_is_not_fed_where_the_socket_is_gone_since_a_restart_makes_another(tmp_path: Path) -> None:
    assert fed(tmp_path / "mux") == 0


def test_what_no_restart_would_mend_is_told_once_and_it_is_fed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A socket of the service manager's may not be for us to connect to; ELOOP is an error that root gets too."""
    (tmp_path / "mux").symlink_to("mux")

    assert fed(tmp_path / "mux", rounds=3) == 3
    assert caplog.text.count("expected to ask for a login") == 1


@pytest.mark.parametrize(("accepted", "feeds"), [(count().__next__, 1), (lambda: 7, 0)])
def test_a_full_backlog_is_a_busy_loop_while_clients_are_accepted(
    tmp_path: Path, accepted: Callable[[], int], feeds: int
) -> None:
    with full_backlog(tmp_path / "mux"):
        assert fed(tmp_path / "mux", rounds=2, accepted=accepted) == feeds


@given(st.integers(1, 10**12))
def test_the_period_is_a_part_of_what_the_manager_allows(microseconds: int) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WATCHDOG_USEC", str(microseconds))
        environment.setenv("WATCHDOG_PID", str(os.getpid()))

        assert period() == microseconds / 1e6 / FEEDS


@pytest.mark.parametrize("usec", ["", "0", "-1", "many", "1e6", "\N{ARABIC-INDIC DIGIT THREE}", "9" * 20])
def test_what_is_no_time_watches_nobody(monkeypatch: pytest.MonkeyPatch, usec: str) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)

    assert period() is None


def test_a_manager_that_watches_another_process_is_not_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")

    assert period() is None or os.getppid() == 1


def test_a_front_feeds_the_manager_that_watches_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))

    assert period() == 1 / FEEDS
