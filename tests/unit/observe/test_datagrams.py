import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from authd.observe.datagrams import PATIENCE, RECONNECT, Datagrams
from authd.observe.rfc3164 import Rfc3164
from authd.observe.stderr import Stderr
from authd.observe.targets import Target

PID = os.getpid()
WARNING = "warning: {}: expected a daemon that takes log lines: they go to standard error meanwhile"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Daemon:
    """A socket where a logging daemon would listen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def read(self) -> list[str]:
        """Give what has come: the text behind the head of each datagram."""
        texts = []
        while True:
            try:
                texts.append(self._socket.recv(10_000).decode().partition(f"[{PID}]: ")[2])
            except BlockingIOError:
                return texts

    def die(self, *, unlink: bool) -> None:
        self._socket.close()
        if unlink:
            self._path.unlink()


class Written:
    """A target at work, its clock and what has gone to standard error."""

    def __init__(self, path: Path, stderr: Path) -> None:
        self.path = path
        self.clock = Clock()
        self._daemons: list[Daemon] = []
        self._stderr = stderr
        self._descriptor = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.target = Target(Datagrams(str(path), Rfc3164(), Stderr(self._descriptor), self.clock))

    def daemon(self) -> Daemon:
        """Start one."""
        self._daemons.append(Daemon(self.path))
        return self._daemons[-1]

    def write(self, *texts: str) -> None:
        for text in texts:
            assert self.target.write(text)

    def later(self, seconds: float) -> None:
        self.clock.now += seconds
        self.target.flush()

    @property
    def astray(self) -> list[str]:
        return [line.partition(f"authd[{PID}]: ")[2] for line in self._stderr.read_text().splitlines()]

    def close(self) -> None:
        self.target.disown()
        os.close(self._descriptor)
        for daemon in self._daemons:
            daemon.die(unlink=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def written(path: Path, tmp_path: Path) -> Iterator[Written]:
    with closing(Written(path, tmp_path / "stderr")) as written:
        yield written


def test_each_line_is_a_datagram_without_its_end(path: Path, written: Written) -> None:
    daemon = written.daemon()

    written.write("one", "two")

    assert daemon.read() == ["one", "two"]
    assert written.astray == []


@pytest.mark.parametrize("unlink", [True, False], ids=["its socket gone", "its socket left behind"])
def test_lines_wait_for_a_daemon_that_starts_again(path: Path, written: Written, *, unlink: bool) -> None:
    daemon = written.daemon()
    written.write("one")
    daemon.die(unlink=unlink)

    written.write("two")
    written.later(PATIENCE / 2)
    path.unlink(missing_ok=True)
    daemon = written.daemon()
    written.later(RECONNECT)

    assert daemon.read() == ["two"]
    assert written.astray == []


def test_another_socket_at_the_same_path_is_found(path: Path, written: Written) -> None:
    old = written.daemon()
    written.write("one")
    old.die(unlink=True)
    new = written.daemon()
    written.later(RECONNECT)

    written.write("two")

    assert new.read() == ["two"]


def test_without_a_daemon_lines_go_to_standard_error_with_one_warning(path: Path, written: Written) -> None:
    written.write("one", "two")
    written.later(2 * RECONNECT)
    written.write("three")

    assert written.astray == [WARNING.format(path), "one", "two", "three"]


def test_a_daemon_that_comes_back_is_told_what_it_missed(path: Path, written: Written) -> None:
    written.write("one", "two")
    daemon = written.daemon()
    written.later(RECONNECT)
    written.write("three", "four")

    (note, *rest) = daemon.read()
    assert note == f"warning: 2 lines went to standard error while nobody was at {path}"
    assert rest == ["three", "four"]
    assert written.astray[1:] == ["one", "two"]


def test_one_that_stays_away_is_warned_of_each_time_anew(path: Path, written: Written) -> None:
    for text in ("one", "two"):
        daemon = written.daemon()
        written.later(RECONNECT)
        written.write("taken")
        daemon.die(unlink=True)
        written.write(text)
        written.later(PATIENCE + RECONNECT)

    assert written.astray == [WARNING.format(path), "one", WARNING.format(path), "two"]


def test_one_that_reads_nothing_stops_nobody_and_loses_nothing(path: Path, written: Written) -> None:
    daemon = written.daemon()
    lines = [f"line {number}" for number in range(2000)]

    written.write(*lines)

    got = daemon.read()
    assert len(got) < len(lines), "the kernel's queue is bounded (net.unix.max_dgram_qlen)"
    for _ in range(len(lines)):
        written.target.flush()
        got += daemon.read()
    assert got == lines
    assert written.astray == []


def test_on_the_loop_a_queue_of_a_few_lines_is_filled_again_and_again(path: Path, written: Written) -> None:
    daemon = written.daemon()
    lines = [f"line {number}" for number in range(2000)]

    async def live() -> list[str]:
        written.target.attach(asyncio.get_running_loop())
        written.write(*lines)
        got: list[str] = []
        async with asyncio.timeout(60):
            while len(got) < len(lines):
                await asyncio.sleep(0)
                got += daemon.read()
        return got

    assert asyncio.run(live()) == lines


def test_a_datagram_that_no_socket_takes_goes_to_standard_error(path: Path, written: Written) -> None:
    daemon = written.daemon()

    written.write("x" * 1_000_000)
    written.write("short")

    assert [len(text) for text in written.astray] == [len(WARNING.format(path)), 1_000_000]
    assert daemon.read() == [f"warning: 1 lines went to standard error while nobody was at {path}", "short"]


def test_a_full_queue_is_no_reason_to_connect_again(path: Path, written: Written, tmp_path: Path) -> None:
    written.daemon()
    medium = Datagrams(str(path), Rfc3164(), Stderr(), Clock())
    waiting = deque([b"line"] * 100_000)

    def until_it_is_full() -> None:
        while True:
            medium.send(waiting)

    with pytest.raises(BlockingIOError) as raised:
        until_it_is_full()

    assert raised.value.errno == errno.EAGAIN
    medium.disown()


def test_a_child_of_fork_has_a_connection_of_its_own(path: Path, written: Written) -> None:
    daemon = written.daemon()
    written.write("one")
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    written.target.disown()

    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 1
    written.later(RECONNECT)
    written.write("two")
    assert daemon.read() == ["one", "two"]
