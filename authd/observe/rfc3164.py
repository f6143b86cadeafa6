"""The datagrams of syslog: RFC 3164 as glibc's syslog(3) writes it to /dev/log, without a host name."""

import os
import time
from collections.abc import Callable, Mapping
from syslog import LOG_AUTH

STAMP_LENGTH = len("Jan  1 00:00:00")


class Rfc3164:
    """``<PRIORITY>Jan  1 00:00:00 IDENTITY[PID]: TEXT`` in local time, with saslauthd's facility, auth."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._clock = clock
        self._second = 0
        self._stamp = ""
        self._pid = os.getpid()

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:  # noqa: ARG002
        now = int(self._clock())
        if now != self._second:
            self._second = now
            self._stamp = time.ctime(now)[4 : 4 + STAMP_LENGTH]  # the one that no locale changes
        line = f"<{LOG_AUTH | priority}>{self._stamp} {identity}[{self._pid}]: {text}"
        return line.encode("utf-8", "backslashreplace")

    def line_of(self, datagram: bytes) -> bytes:
        """Give a datagram as a line for people."""
        return datagram[datagram.index(b">") + STAMP_LENGTH + 2 :] + b"\n"

    def disown(self) -> None:
        """Be another process's from now on, a child of this one."""
        self._pid = os.getpid()
