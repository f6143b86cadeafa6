"""Bytes from and to a socket, without ever waiting for it."""

from socket import MSG_DONTWAIT, MSG_NOSIGNAL, SocketType, socket

MAX_READ = 16 * 1024  # bytes taken from a socket at once: more than any request has

_AT_ONCE = MSG_DONTWAIT | MSG_NOSIGNAL


def accept(listening: socket, family: int, kind: int) -> SocketType:
    """Accept as ``socket.accept`` does, without the Python half of a socket: that costs a tenth of a cached login."""
    descriptor, _ = listening._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # the half that socket.py calls
    return SocketType(family, kind, 0, descriptor)


class Wire:
    """The one buffer that sockets are read into; it is zeroed after each use, since it held passwords."""

    def __init__(self) -> None:
        self._view = memoryview(bytearray(MAX_READ))
        self._zeros = bytes(MAX_READ)

    def receive(self, sock: SocketType) -> memoryview:
        """Read what has come; nothing where the client has left. Raises BlockingIOError where nothing has come."""
        try:
            return self._view[: sock.recv_into(self._view, 0, MSG_DONTWAIT)]
        except BlockingIOError:
            raise
        except OSError:
            return self._view[:0]

    def wipe(self, size: int) -> None:
        self._view[:size] = self._zeros[:size]


def send(sock: SocketType, answer: bytes) -> None:
    """Send the whole answer at once; a client that has gone or does not read gets none."""
    if answer:
        try:  # noqa: SIM105  # contextlib.suppress costs a microsecond at each answer
            sock.send(answer, _AT_ONCE)
        except OSError:
            pass


def turn_away(sock: SocketType, answer: bytes) -> None:
    """Answer and close at once: there is no slot to wait in."""
    send(sock, answer)
    sock.close()
