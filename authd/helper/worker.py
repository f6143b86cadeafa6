"""A worker: one process for one connection, which checks one password at a time under a timer of the kernel.

Whatever runs in a check (a PAM module that hangs, loops, blocks signals) cannot outlive `check_deadline`: the kernel
kills the process, and the parent tells the front.
"""

import logging
import os
import resource
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from authd.helper.frames import MAX_FRAME, Answer, Check, Frame, FrameError, Hello, encode, split
from authd.unix.kill_timer import KillTimer
from authd_backends.contract import Backend, Outcome, Request, Verdict

log = logging.getLogger(__name__)

FRAME_DEADLINE = 5.0  # seconds for the rest of a frame whose first byte has come
PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    check_deadline: float  # seconds
    max_checks: int
    max_memory: int  # bytes, resident


class _Ended(Exception):  # noqa: N818  # not an error
    """The front has closed the connection."""


class Worker:
    """Answers the checks of one connection until it is closed, or until it is time for a fresh process."""

    def __init__(
        self, connection: socket.socket, backends: Mapping[str, Backend], configuration: bytes, limits: WorkerLimits
    ) -> None:
        """`configuration`: the digest of what this side read. `connection` blocks."""
        self._connection = connection
        self._backends = backends
        self._configuration = configuration
        self._limits = limits
        self._buffer = bytearray()
        self._timer = KillTimer()

    def run(self) -> None:
        """Serve the connection. Returns when it has ended or this process has done its share."""
        with suppress(_Ended, FrameError, OSError):
            backend = self._greet()
            if backend is not None:
                checks = 0
                while self._answer_next(backend) and not self._is_worn(checks := checks + 1):
                    pass

    def _greet(self) -> Backend | None:
        hello = self._receive()
        if not isinstance(hello, Hello):
            raise FrameError("expected Hello")
        backend = self._backends.get(hello.backend)
        if backend is not None and hello.configuration == self._configuration:
            return backend
        reason = (
            f"the helper has no backend {hello.backend}"
            if backend is None
            else "front and helper have read different configurations: restart both"
        )
        log.error("%s", reason)
        self._receive()  # the first check, which is answered with this
        self._send(Answer(Verdict(Outcome.UNAVAILABLE, reason)))
        return None

    def _answer_next(self, backend: Backend) -> bool:
        check = self._receive()
        if not isinstance(check, Check):
            raise FrameError("expected Check")
        self._timer.arm(self._limits.check_deadline)
        verdict = _checked(backend, check.request)
        has_children = _has_children()
        self._timer.disarm()
        self._send(Answer(verdict))
        return not has_children  # a check that leaves some behind ends with its process, and they with it

    def _is_worn(self, checks: int) -> bool:
        """Modules leak: after so many checks, or with so much memory, a fresh process is better."""
        return checks >= self._limits.max_checks or _resident() > self._limits.max_memory

    def _receive(self) -> Frame:
        while (frame := split(self._buffer)) is None:
            self._connection.settimeout(FRAME_DEADLINE if self._buffer else None)
            data = self._connection.recv(MAX_FRAME)
            if not data:
                raise _Ended
            self._buffer += data
        return frame

    def _send(self, frame: Frame) -> None:
        self._connection.settimeout(FRAME_DEADLINE)
        self._connection.sendall(encode(frame))


def _checked(backend: Backend, request: Request) -> Verdict:
    """What a check raises is a defect: an outage, and a line that does not quote the error's text."""
    try:
        return backend.check(request)
    except Exception as error:
        log.error("a check raised %s", type(error).__name__)  # noqa: TRY400
        return Verdict(Outcome.UNAVAILABLE, f"defect: {type(error).__name__}")


def _has_children() -> bool:
    """Whether a check has left children that live; those that have ended are collected."""
    with suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
    return False


def _resident() -> int:
    """Bytes of memory that are this process's now (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * PAGE
