"""The front's side of the helper: connections to workers, each with one check at a time."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EPERM
from pathlib import Path

from authd.helper.frames import (
    MAX_FRAME,
    OTHER_CONFIGURATION,
    Answer,
    Check,
    Death,
    Frame,
    FrameError,
    Hello,
    encode,
    split,
)
from authd.unix.sockets import peer_credentials
from authd_backends.contract import Outcome, Request, Verdict

IDLE = 60.0  # seconds after which a worker that nobody needs goes
PATIENCE = 2.0  # seconds for the helper to read the configuration that the front has read
PAUSE = 0.05  # seconds between two looks whether it has


# Of what workers die over a check of ours; of the first by their own timer, or for want of memory.
CAUSES = ("killed", "crashed", "exited")


@dataclass(slots=True)
class ClientCounters:
    started: int = 0  # workers
    deaths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))


@dataclass(slots=True, eq=False)
class _Line:
    """A connection to a worker, which exists for it alone."""

    socket: socket.socket
    used: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)


class HelperClient:
    """The workers of one helper backend, as many as are needed at once and down to `min_idle` while nothing happens.

    Who asks bounds how many checks run at once.
    """

    def __init__(
        self, backend: str, path: Path, configuration: bytes, min_idle: int, clock: Callable[[], float]
    ) -> None:
        """`configuration`: the digest of what the front has read; the helper has to have read the same."""
        self.counters = ClientCounters()
        self.listener = 0  # the pid of who opened the socket that was connected to last; 0 before the first time
        self._path = path
        self._hello = encode(Hello(backend, configuration))
        self._min_idle = min_idle
        self._clock = clock
        self._idle: deque[_Line] = deque()  # the longest unused first
        self._timer: asyncio.TimerHandle | None = None

    async def check(self, request: Request) -> Verdict:
        """Have a worker check the request, once. The helper's absence and a worker's death are outages."""
        try:
            return await self._check(encode(Check(request)))
        except (OSError, FrameError) as error:
            return Verdict(Outcome.UNAVAILABLE, f"helper {self._path}: {_told(error)}")

    async def _check(self, question: bytes) -> Verdict:
        end = self._clock() + PATIENCE
        while True:
            verdict = await self._ask(self._idle_line() or await self._connect(), question)
            if verdict.reason != OTHER_CONFIGURATION or self._clock() >= end:
                return verdict
            await asyncio.sleep(PAUSE)  # both reload, and we were first

    async def probe(self) -> None:
        """See whether a worker is there, or can be had. Raises OSError where no helper listens.

        It waits for as long as a helper that listens begins with no worker.
        """
        line = self._idle_line()
        if line is not None:
            self._idle.append(line)
            return
        with self._connected() as connection:
            connection.shutdown(socket.SHUT_WR)  # the worker leaves when it sees that there is no question
            await asyncio.get_running_loop().sock_recv(connection, 1)

    @property
    def idle(self) -> int:
        """Workers that wait for a check."""
        return len(self._idle)

    def close(self) -> None:
        """Let all idle workers go."""
        if self._timer is not None:
            self._timer.cancel()
        while self._idle:
            self._idle.pop().socket.close()

    def _idle_line(self) -> _Line | None:
        """Give the line that was used last; one that is not silent has lost its worker, or says what nobody asked."""
        while self._idle:
            line = self._idle.pop()
            if _is_silent(line.socket):
                return line
            line.socket.close()
        return None

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(str(self._path))  # AF_UNIX: at once, or EAGAIN where the backlog is full
            self.listener = _check_listener(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _connect(self) -> _Line:
        connection = self._connected()
        try:
            await asyncio.get_running_loop().sock_sendall(connection, self._hello)
        except BaseException:
            connection.close()
            raise
        self.counters.started += 1
        return _Line(connection)

    async def _ask(self, line: _Line, question: bytes) -> Verdict:
        try:
            frame = await self._exchange(line, question)
        except BaseException:
            line.socket.close()
            raise
        match frame:
            case Answer():
                if frame.is_last:
                    line.socket.close()
                else:
                    self._keep(line)
                return frame.verdict
            case Death():
                line.socket.close()
                self.counters.deaths[_kind(frame.cause)] += 1
                return Verdict(Outcome.UNAVAILABLE, f"the worker {frame.cause}")
            case Hello() | Check():
                line.socket.close()
                raise FrameError("expected an answer")

    async def _exchange(self, line: _Line, question: bytes) -> Frame:
        loop = asyncio.get_running_loop()
        with suppress(BrokenPipeError, ConnectionResetError):  # what it died of is still to be read
            await loop.sock_sendall(line.socket, question)
        while (frame := split(line.buffer)) is None:
            data = await loop.sock_recv(line.socket, MAX_FRAME)
            if not data:
                raise FrameError("expected an answer, got the end of the connection")
            line.buffer += data
        if line.buffer:
            raise FrameError("expected one answer to one check")
        return frame

    def _keep(self, line: _Line) -> None:
        line.used = self._clock()
        self._idle.append(line)
        if self._timer is None and len(self._idle) > self._min_idle:
            self._timer = asyncio.get_running_loop().call_later(IDLE, self._let_idle_go)

    def _let_idle_go(self) -> None:
        self._timer = None
        while len(self._idle) > self._min_idle and self._idle[0].used <= self._clock() - IDLE:
            self._idle.popleft().socket.close()
        if len(self._idle) > self._min_idle:
            self._timer = asyncio.get_running_loop().call_later(IDLE, self._let_idle_go)


def _check_listener(connection: socket.socket) -> int:
    """Give who listens. Raises PermissionError where that is not root or who we are: he would be told passwords."""
    there = peer_credentials(connection)
    if there.uid not in (0, os.geteuid()):
        raise PermissionError(EPERM, f"expected a socket at which root listens, got uid {there.uid}")
    return there.pid


def _is_silent(connection: socket.socket) -> bool:
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _kind(cause: str) -> str:
    """Of the words of `process.cause_of_death` the kind, one of `CAUSES`."""
    if not cause.startswith("was killed"):
        return "exited"
    return "killed" if cause.endswith("SIGKILL") else "crashed"


def _told(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
