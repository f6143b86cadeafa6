"""Where lines go: standard error, without ever waiting for whoever reads it."""

import logging
import os
import select
import stat
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING

from authd.config.settings import LogLevel

if TYPE_CHECKING:
    import asyncio  # a privileged parent that logs needs none of it

MAX_WAITING = 1024 * 1024  # bytes that wait for a slow reader; what comes beyond is counted and left out
GATHERING = 0.02  # seconds for which lines are gathered before they are written
RETRY = 0.1  # seconds until a reader that was not ready is asked again

# What poll(2) calls writable takes this much of a pipe without blocking (pipe(7), PIPE_BUF).
MAX_WRITE = select.PIPE_BUF


class StderrTarget:
    """Lines to a descriptor: at once before the loop runs, then gathered for a moment and written together."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._pid = os.getpid()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.get_ident()
        self._scheduled = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._max_write = MAX_WAITING if stat.S_ISREG(os.fstat(descriptor).st_mode) else MAX_WRITE

    def attach(self, loop: "asyncio.AbstractEventLoop") -> None:
        """From now on write from this loop, which runs on the calling thread and in the calling process."""
        self._loop = loop
        self._thread = threading.get_ident()
        self._pid = os.getpid()

    def write(self, text: str, identity: str = "authd") -> None:
        """Write a line, under ``identity[PID]:``."""
        line = f"{identity}[{self._pid}]: {text}\n".encode("utf-8", "backslashreplace")
        if self._loop is None:
            self._put(line)
            self.flush()
        elif threading.get_ident() == self._thread:
            self._put(line)
            self._schedule()
        else:
            self._loop.call_soon_threadsafe(self._put_from_thread, line)

    def flush(self) -> None:
        """Write what can be written without waiting."""
        self._scheduled = False
        while self._waiting:
            if not self._poll.poll(0):
                self._retry()
                return
            try:
                self._write_some()
            except OSError:  # nobody reads any more, or the disk is full
                self._left_out += 1 + len(self._waiting)
                self._waiting.clear()
                self._size = 0

    def _write_some(self) -> None:
        chunk = bytearray(self._waiting.popleft())
        while self._waiting and len(chunk) + len(self._waiting[0]) <= self._max_write:
            chunk += self._waiting.popleft()
        written = os.write(self._descriptor, chunk[: self._max_write])
        self._size -= written
        if written < len(chunk):
            self._waiting.appendleft(bytes(chunk[written:]))

    def _put(self, line: bytes) -> None:
        if self._size + len(line) > MAX_WAITING:
            self._left_out += 1
            return
        if self._left_out:
            note = f"authd[{self._pid}]: {self._left_out} lines left out: nobody read them in time\n".encode()
            self._left_out = 0
            self._put(note)
        self._waiting.append(line)
        self._size += len(line)

    def _put_from_thread(self, line: bytes) -> None:
        self._put(line)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_later(GATHERING, self.flush)

    def _retry(self) -> None:
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_later(RETRY, self.flush)


class TargetHandler(logging.Handler):
    """What `logging` is told goes to the same target, a line each; control characters are shown, not sent."""

    def __init__(self, target: StderrTarget) -> None:
        super().__init__()
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {record.getMessage()}{_raised(record)}"
        self._target.write("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))


def _raised(record: logging.LogRecord) -> str:
    """Which error, and the way to it; not its text, which may quote what a client sent."""
    if record.exc_info is None or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)
    return f": {type(error).__name__} at " + " < ".join(f"{each.filename}:{each.lineno}" for each in reversed(frames))


def set_up_logging(target: StderrTarget, level: LogLevel) -> None:
    """Send all that `logging` is told from `level` on to the target."""
    logging.basicConfig(handlers=[TargetHandler(target)], level=level.value.upper(), force=True)
