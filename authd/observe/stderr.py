"""Lines to standard error, or any descriptor."""

import os
import select
import stat
from collections import deque
from collections.abc import Mapping

MAX_CHUNK = 1024 * 1024  # bytes for one write to a file

# What poll(2) calls writable takes this much of a pipe without blocking, and in one piece (pipe(7), PIPE_BUF).
MAX_WRITE = select.PIPE_BUF


class Stderr:
    """A medium: a line is ``IDENTITY[PID]: TEXT``."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._max_write = MAX_CHUNK if stat.S_ISREG(os.fstat(descriptor).st_mode) else MAX_WRITE
        self._pid = os.getpid()

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:  # noqa: ARG002
        return f"{identity}[{self._pid}]: {text}\n".encode("utf-8", "backslashreplace")

    def send(self, waiting: deque[bytes]) -> int:
        """Write the first lines together and give their bytes. Raises OSError where nobody reads just now."""
        if not self._poll.poll(0):
            raise BlockingIOError
        chunk = bytearray(waiting[0])
        count = 1
        while count < len(waiting) and len(chunk) + len(waiting[count]) <= self._max_write:
            chunk += waiting[count]
            count += 1
        written = os.write(self._descriptor, chunk[: self._max_write])
        for _ in range(count):
            waiting.popleft()
        if written < len(chunk):
            waiting.appendleft(bytes(chunk[written:]))
        return written

    def disown(self) -> None:
        """Be another process's from now on, a child of this one."""
        self._pid = os.getpid()
