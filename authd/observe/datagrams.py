"""Lines to the Unix socket of a logging daemon, a datagram each; to standard error while there is no such daemon."""

import errno
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from syslog import LOG_WARNING
from typing import Protocol

from authd.observe.stderr import Stderr

RECONNECT = 0.1  # seconds from one attempt to connect to the next, at least
PATIENCE = 5.0  # seconds for a daemon that was there to be there again, before lines go to standard error

_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)  # it does not read fast enough


class Encoding(Protocol):
    """A logging daemon's protocol."""

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:
        """Give the datagram."""

    def line_of(self, datagram: bytes) -> bytes:
        """Give a datagram as a line for people."""

    def disown(self) -> None:
        """Be another process's from now on, a child of this one."""


class Datagrams:
    """A medium. Connects again whenever the daemon has gone, be its socket another one by then."""

    def __init__(
        self, path: str, encoding: Encoding, fallback: Stderr, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.encode = encoding.encode
        self._path = path
        self._encoding = encoding
        self._fallback = fallback
        self._clock = clock
        self._socket: socket.socket | None = None
        self._has_taken = False  # whether this connection has ever taken a datagram
        self._next_attempt = self._end_of_patience = clock()
        self._astray: deque[bytes] = deque()  # the line that is being written to standard error
        self._gone_astray = 0  # lines, since the daemon was there last

    def send(self, waiting: deque[bytes]) -> int:
        """Send the first and give its bytes, or 0 to be asked again. Raises OSError where nobody takes it just now."""
        if self._astray:
            return self._write_astray(waiting)
        if self._socket is None:
            self._socket = self._connected()
        if self._socket is None:
            return self._go_astray(waiting)
        try:
            if self._gone_astray:
                self._socket.send(self._note(self._gone_astray))
                self._gone_astray = 0
            self._socket.send(waiting[0])
        except OSError as error:
            if error.errno in _FULL:
                raise
            if error.errno == errno.EMSGSIZE:
                return self._go_astray(waiting)
            self._lose()
            return 0
        self._has_taken = True
        return len(waiting.popleft())

    def disown(self) -> None:
        """Be another process's from now on, a child of this one, with a connection of its own."""
        self._encoding.disown()
        self._fallback.disown()
        self._astray.clear()
        self._disconnect()

    def _connected(self) -> socket.socket | None:
        now = self._clock()
        if now < self._next_attempt:
            return None
        self._next_attempt = now + RECONNECT
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.connect(self._path)
        except OSError:
            made.close()
            return None
        return made

    def _lose(self) -> None:
        if self._has_taken:
            self._end_of_patience = self._clock() + PATIENCE
        self._disconnect()

    def _disconnect(self) -> None:
        self._has_taken = False
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _go_astray(self, waiting: deque[bytes]) -> int:
        """Write the first to standard error, unless the daemon may only be starting again."""
        if self._socket is None and self._clock() < self._end_of_patience:
            raise BlockingIOError
        if not self._gone_astray:
            text = f"warning: {self._path}: expected a daemon that takes log lines: they go to standard error meanwhile"
            self._astray.append(self._fallback.encode(text, "authd", LOG_WARNING, {}))
        self._gone_astray += 1
        self._astray.append(self._encoding.line_of(waiting[0]))
        return self._write_astray(waiting)

    def _write_astray(self, waiting: deque[bytes]) -> int:
        self._fallback.send(self._astray)
        return 0 if self._astray else len(waiting.popleft())

    def _note(self, count: int) -> bytes:
        text = f"warning: {count} lines went to standard error while nobody was at {self._path}"
        return self.encode(text, "authd", LOG_WARNING, {})
