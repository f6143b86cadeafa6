"""Bytes from and to a socket, without ever waiting for it."""

import socket

MAX_READ = 16 * 1024  # bytes taken from a socket at once: more than any request has

_AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class Wire:
    """The one buffer that sockets are read into; it is zeroed after each use, since it held passwords."""

    def __init__(self) -> None:
        self._view = memoryview(bytearray(MAX_READ))
        self._zeros = bytes(MAX_READ)

    def receive(self, sock: socket.socket) -> memoryview:
        """Read what has come; nothing where the client has left. Raises BlockingIOError where nothing has come."""
        try:
            return self._view[: sock.recv_into(self._view, 0, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            raise
        except OSError:
            return self._view[:0]

    def wipe(self, size: int) -> None:
        self._view[:size] = self._zeros[:size]


def send(sock: socket.socket, answer: bytes) -> None:
    """Send the whole answer at once; a client that has gone or does not read gets none."""
    if answer:
        try:  # noqa: SIM105  # contextlib.suppress costs a microsecond at each answer
            sock.send(answer, _AT_ONCE)
        except OSError:
            pass


def turn_away(sock: socket.socket, answer: bytes) -> None:
    """Answer and close at once: there is no slot to wait in."""
    send(sock, answer)
    sock.close()
