"""A worker: one process for one connection, which checks one password at a time under a timer of the kernel.

Whatever runs in a check (a PAM module that hangs, loops, blocks signals) cannot outlive `check_deadline`: the kernel
kills the process, and the parent tells the front. What a check may do to its process without ending it (grow, leave
children or descriptors behind, change the user) ends with the process: the answer says that it is the last one.
"""

import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from errno import EBADF
from pathlib import Path

from authd.helper.frames import MAX_FRAME, OTHER_CONFIGURATION, Answer, Check, Frame, FrameError, Hello, encode, split
from authd.unix.kill_timer import KillTimer
from authd_backends.contract import Backend, Outcome, Request, Verdict

log = logging.getLogger(__name__)

FRAME_DEADLINE = 5.0  # seconds for the first check to come, the rest of any frame, an answer to be taken
MAX_DESCRIPTOR = 256  # a number that only a leak comes to; at 1024 modules that use select(2) would break
PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    check_deadline: float  # seconds
    max_checks: int
    max_memory: int  # bytes, resident


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a worker goes by."""

    backends: Mapping[str, Backend]
    limits: WorkerLimits


class _Ended(Exception):  # noqa: N818  # not an error
    """The front has closed the connection."""


class Worker:
    """Answers the checks of one connection until it is closed, or until it is time for a fresh process."""

    def __init__(
        self,
        connection: socket.socket,
        configurations: Mapping[bytes, Configuration],
        frame_deadline: float = FRAME_DEADLINE,
        is_outdated: Callable[[], None] = lambda: None,
    ) -> None:
        """`configurations`: what this side has read, by its digest; the front names one. `connection` blocks.

        `is_outdated` is called where the front names another.
        """
        self._connection = connection
        self._configurations = configurations
        self._frame_deadline = frame_deadline
        self._is_outdated = is_outdated
        self._buffer = bytearray()
        self._checks = 0
        self._timer = KillTimer()
        self._pid = os.getpid()
        self._ids = _ids()
        self._inode = os.fstat(connection.fileno()).st_ino

    def run(self) -> None:
        """Serve the connection. Returns when it has ended or this process has done its share.

        Raises OSError where a check has taken the connection away.
        """
        with suppress(_Ended, FrameError, ConnectionError, TimeoutError):
            end = time.monotonic() + self._frame_deadline
            hello, check = self._receive(end), self._receive(end)  # nobody connects without a question
            if not isinstance(hello, Hello):
                raise FrameError("expected Hello")
            configuration = self._configurations.get(hello.configuration)
            if configuration is None:
                self._is_outdated()
                self._send(_refusal(OTHER_CONFIGURATION))  # the front says so, if it does not end with a reload of both
            elif (backend := configuration.backends.get(hello.backend)) is None:
                reason = f"the helper has no backend {hello.backend}"
                log.error("%s", reason)
                self._send(_refusal(reason))
            else:
                while self._answer(check, backend, configuration.limits):
                    check = self._receive()

    def _answer(self, check: Frame, backend: Backend, limits: WorkerLimits) -> bool:
        """Answer one check and tell whether this process is fit for another."""
        if not isinstance(check, Check):
            raise FrameError("expected Check")
        self._timer.arm(limits.check_deadline)
        verdict = _checked(backend, check.request)
        if os.getpid() != self._pid:
            os._exit(1)  # a module has forked and returned twice: what its child says is nobody's answer
        self._check_connection()
        is_last = self._is_worn(limits)
        self._timer.disarm()
        self._send(Answer(verdict, is_last))
        return not is_last

    def _check_connection(self) -> None:
        """Raises OSError where a check has closed the connection, even if its number is already another's."""
        if os.fstat(self._connection.fileno()).st_ino != self._inode:
            raise OSError(EBADF, "expected the connection, got what a check has opened in its place")

    def _is_worn(self, limits: WorkerLimits) -> bool:
        """Whether a fresh process is better: modules leak, and may change who this one is."""
        self._checks += 1
        return (
            self._checks >= limits.max_checks
            or _ids() != self._ids
            or _has_children()
            or _leaks_descriptors(self._connection)
            or _has_grown(limits.max_memory)
        )

    def _receive(self, end: float | None = None) -> Frame:
        """Wait for a frame to begin, at most to `end` on the monotonic clock; one that has begun is bounded anyhow."""
        while (frame := split(self._buffer)) is None:
            if end is None and self._buffer:
                end = time.monotonic() + self._frame_deadline
            self._connection.settimeout(None if end is None else _left(end))
            data = self._connection.recv(MAX_FRAME)
            if not data:
                raise _Ended
            self._buffer += data
        return frame

    def _send(self, frame: Frame) -> None:
        self._connection.settimeout(self._frame_deadline)
        self._connection.sendall(encode(frame))


def _refusal(reason: str) -> Answer:
    return Answer(Verdict(Outcome.UNAVAILABLE, reason), is_last=True)


def _left(end: float) -> float:
    """Seconds, more than 0. Raises TimeoutError."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _checked(backend: Backend, request: Request) -> Verdict:
    """What a check raises is a defect: an outage, and a line that does not quote the error's text."""
    try:
        return backend.check(request)
    except Exception as error:
        log.error("a check raised %s", type(error).__name__)  # noqa: TRY400
        return Verdict(Outcome.UNAVAILABLE, f"defect: {type(error).__name__}")


def _ids() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    return os.getresuid(), os.getresgid()


def _has_children() -> bool:
    """Whether a check has left children that live; those that have ended are collected."""
    with suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
    return False


def _leaks_descriptors(connection: socket.socket) -> bool:
    """Whether the lowest free number is one that only a leak comes to."""
    try:
        free = os.dup(connection.fileno())
    except OSError:
        return True
    os.close(free)
    return free > MAX_DESCRIPTOR


def _has_grown(limit: int) -> bool:
    """Whether this process has more bytes in memory now (proc(5), statm); one that never had more is not read."""
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 <= limit:
        return False
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * PAGE > limit
