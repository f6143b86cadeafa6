"""Where lines go, without ever waiting for whoever reads them."""

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from syslog import LOG_CRIT, LOG_DEBUG, LOG_ERR, LOG_INFO, LOG_WARNING
from threading import get_ident
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from authd.config.settings import LogLevel, LogTarget
from authd.observe.stderr import Stderr

if TYPE_CHECKING:
    import asyncio  # a privileged parent that logs needs none of it

MAX_WAITING = 1024 * 1024  # bytes that wait for a slow reader; what comes beyond is left out
DISPENSABLE = MAX_WAITING // 2  # of these, for lines that may come in floods
MAX_TEXT = 3900  # bytes of a line: with its head a pipe takes it whole, among other writers, and every syslogd too
GATHERING = 0.02  # seconds for which lines are gathered before they are written
FIRST_RETRY = 0.001  # seconds until a reader that was not ready is asked again; each time twice as many
LAST_RETRY = 0.1
MAX_WRITES = 200  # at once: the loop has other things to do

SYSLOG_SOCKET = "/dev/log"
JOURNAL_SOCKET = "/run/systemd/journal/socket"

_PRIORITIES = {logging.DEBUG: LOG_DEBUG, logging.INFO: LOG_INFO, logging.WARNING: LOG_WARNING, logging.ERROR: LOG_ERR}
_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class Medium(Protocol):
    """What takes lines in the end; it never blocks."""

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:
        """Give what is written of a line; `priority` is syslog's, `fields` are what the line tells."""

    def send(self, waiting: deque[bytes]) -> int:
        """Write from the front of `waiting` and give how many bytes less wait. Raises OSError where none can be."""

    def disown(self) -> None:
        """Be another process's from now on, a child of this one."""


class Target:
    """Lines to a medium: at once while no loop runs, then gathered for a moment and written together."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._retry = FIRST_RETRY

    def attach(self, loop: "asyncio.AbstractEventLoop") -> None:
        """From now on write from this loop, which runs on the calling thread."""
        self._loop = loop
        self._thread = get_ident()

    def detach(self, patience: float = 0.0) -> None:
        """Be without a loop again; a reader that is slow has `patience` seconds for what waits."""
        self._loop = self._timer = None
        end = time.monotonic() + patience
        self.flush()
        while self._waiting and time.monotonic() < end:
            time.sleep(FIRST_RETRY)
            self.flush()

    def write(
        self,
        text: str,
        identity: str = "authd",
        priority: int = LOG_INFO,
        fields: Mapping[str, str] = _NO_FIELDS,
        *,
        most: int = MAX_WAITING,
    ) -> bool:
        """Take a line, or give False where already so much waits that with it there would be more than `most` bytes.

        On the thread of the loop only; see `call`.
        """
        line = self._medium.encode(text, identity, priority, fields)
        size = self._size + len(line)
        if size > most:
            return False
        self._size = size
        self._waiting.append(line)
        if self._loop is None:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(GATHERING, self.flush)
        return True

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call at once, or on another thread than the loop's soon, on that one."""
        if self._loop is None or get_ident() == self._thread:
            function(*arguments)
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def flush(self) -> None:
        """Write what can be written without waiting, and no more than is quickly done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        before = self._size
        try:
            for _ in range(MAX_WRITES):
                if not self._waiting:
                    break
                self._size -= self._medium.send(self._waiting)
        except OSError:  # nobody reads just now, or the disk is full
            pass
        self._retry = FIRST_RETRY if self._size < before else min(2 * self._retry, LAST_RETRY)
        if self._waiting and self._loop is not None:
            self._timer = self._loop.call_later(self._retry, self.flush)

    def close(self) -> None:
        """Write what can be written without waiting, and let go of the rest and of the medium."""
        self.detach()
        self.disown()

    def disown(self) -> None:
        """Be a child's from now on, in which no loop runs: what waits is for the parent to write."""
        self._loop = self._timer = None
        self._waiting.clear()
        self._size = 0
        self._medium.disown()


class TargetHandler(logging.Handler):
    """What `logging` is told goes to the same target, a line each; control characters are shown, not sent."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {record.getMessage()}{_raised(record)}"
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
        self._target.call(self._write, _bounded(shown), _PRIORITIES.get(record.levelno, LOG_CRIT))

    def flush(self) -> None:
        """Write what can be written without waiting."""
        self._target.flush()

    def disown(self) -> None:
        """Leave what waits, and the connection, to the parent: a child of it goes on with its own."""
        self._target.disown()

    def _write(self, text: str, priority: int) -> None:
        if self._left_out:
            note = f"warning: {self._left_out} lines left out: nobody read them in time"
            self._left_out *= not self._target.write(note, priority=LOG_WARNING)
        self._left_out += not self._target.write(text, priority=priority)


def opened(kind: LogTarget) -> Target:
    """Make the target that a configuration names."""
    match kind:
        case LogTarget.STDERR:
            return Target(Stderr())
        case LogTarget.SYSLOG:
            from authd.observe.datagrams import Datagrams
            from authd.observe.rfc3164 import Rfc3164

            return Target(Datagrams(SYSLOG_SOCKET, Rfc3164(), Stderr()))
        case LogTarget.JOURNAL:
            from authd.observe.datagrams import Datagrams
            from authd.observe.journal import JournalEntries

            return Target(Datagrams(JOURNAL_SOCKET, JournalEntries(), Stderr()))


def set_up_logging(target: Target, level: LogLevel) -> None:
    """Send all that `logging` is told from `level` on to the target."""
    for earlier in logging.getLogger().handlers:
        earlier.flush()
    logging.basicConfig(handlers=[TargetHandler(target)], level=level.value.upper(), force=True)


def disown_logging() -> None:
    """Let a child of fork log without the parent's connection, whose descriptor's number may soon be another's."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, TargetHandler):
            handler.disown()


def _bounded(text: str) -> str:
    data = text.encode("utf-8", "backslashreplace")
    return text if len(data) <= MAX_TEXT else data[:MAX_TEXT].decode("utf-8", "ignore") + "…"


def _raised(record: logging.LogRecord) -> str:
    """Which error, and the way to it; not its text, which may quote what a client sent."""
    if record.exc_info is None or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)
    return f": {type(error).__name__} at " + " < ".join(f"{each.filename}:{each.lineno}" for each in reversed(frames))
