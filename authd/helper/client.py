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

from authd.helper.frames import MAX_FRAME, Answer, Check, Death, Frame, FrameError, Hello, encode, split
from authd.unix.sockets import peer_credentials
from authd_backends.contract import Outcome, Request, Verdict

IDLE = 60.0  # seconds after which a worker that nobody needs goes


@dataclass(slots=True)
class ClientCounters:
    deaths: int = 0  # workers that were killed or crashed over a check of ours


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
        self._path = path
        self._hello = encode(Hello(backend, configuration))
        self._min_idle = min_idle
        self._clock = clock
        self._idle: deque[_Line] = deque()  # the longest unused first
        self._timer: asyncio.TimerHandle | None = None

    async def check(self, request: Request) -> Verdict:
        """Have a worker check the request, once. The helper's absence and a worker's death are outages."""
        try:
            question = encode(Check(request))
            return await self._ask(self._idle_line() or await self._connect(), question)
        except (OSError, FrameError) as error:
            return Verdict(Outcome.UNAVAILABLE, f"helper {self._path}: {_told(error)}")

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

    async def _connect(self) -> _Line:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(str(self._path))  # AF_UNIX: at once, or EAGAIN where the backlog is full
            _check_listener(connection)
            await asyncio.get_running_loop().sock_sendall(connection, self._hello)
        except BaseException:
            connection.close()
            raise
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
                self.counters.deaths += 1
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


def _check_listener(connection: socket.socket) -> None:
    """Raises PermissionError where somebody else than root, or than who we are, would be told passwords."""
    uid = peer_credentials(connection).uid
    if uid not in (0, os.geteuid()):
        raise PermissionError(EPERM, f"expected a socket at which root listens, got uid {uid}")


def _is_silent(connection: socket.socket) -> bool:
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _told(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
