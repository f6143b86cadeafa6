"""Listening sockets that a service manager hands over: sd_listen_fds(3)."""

import os
import socket

from authd.unix.sockets import SocketError

FIRST = 3  # SD_LISTEN_FDS_START


def given_sockets() -> list[socket.socket]:
    """Take the sockets that were passed to this process, non-blocking; none where nobody passed any.

    The environment says nothing of them afterwards, and no program that is run inherits them. Raises SocketError for
    what is no listening Unix stream socket.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()):  # meant for somebody else, who started this process without clearing them
        return []
    if not count.isascii() or not count.isdecimal() or len(count) > 5:
        raise SocketError(f"LISTEN_FDS: expected a number, got {count!r}")
    return [_taken(descriptor) for descriptor in range(FIRST, FIRST + int(count))]


def _taken(descriptor: int) -> socket.socket:
    try:
        given = socket.socket(fileno=descriptor)
        kind = given.family, given.type, given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SocketError(f"descriptor {descriptor}: expected a socket, got: {error.strerror}") from error
    if kind != (socket.AF_UNIX, socket.SOCK_STREAM, 1):
        raise SocketError(f"descriptor {descriptor}: expected a listening Unix stream socket, got {given}")
    given.setblocking(False)
    given.set_inheritable(False)
    return given
