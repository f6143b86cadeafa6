"""The datagrams of systemd's journal: its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

A value may hold any bytes: its length goes before it, so that no newline in it begins another field.
"""

import os
from collections.abc import Mapping
from struct import Struct
from syslog import LOG_AUTH

FACILITY = LOG_AUTH >> 3
PREFIX = "AUTHD_"

_LENGTH = Struct("<Q")
_IDENTIFIER, _MESSAGE = b"SYSLOG_IDENTIFIER=", b"\nMESSAGE\n"


class JournalEntries:
    """A line as ``MESSAGE``, and each of its fields as ``AUTHD_NAME`` with the very bytes that were sent."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:
        pid = self._pid
        known = f"PRIORITY={priority}\nSYSLOG_FACILITY={FACILITY}\nSYSLOG_PID={pid}\n"
        parts = [_IDENTIFIER, identity.encode(), _MESSAGE, _counted(text), known.encode()]
        for name, value in fields.items():
            parts += (f"{PREFIX}{name.upper()}\n".encode(), _counted(value))
        return b"".join(parts)

    def line_of(self, datagram: bytes) -> bytes:
        """Give a datagram as a line for people."""
        identity, _, rest = datagram.removeprefix(_IDENTIFIER).partition(_MESSAGE)
        (length,) = _LENGTH.unpack_from(rest)
        return b"%b[%d]: %b\n" % (identity, self._pid, rest[_LENGTH.size : _LENGTH.size + length])

    def disown(self) -> None:
        """Be another process's from now on, a child of this one."""
        self._pid = os.getpid()


def _counted(value: str) -> bytes:
    try:
        data = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no bytes decode to such a text: it is not a client's
        data = value.encode("utf-8", "backslashreplace")
    return b"%b%b\n" % (_LENGTH.pack(len(data)), data)
