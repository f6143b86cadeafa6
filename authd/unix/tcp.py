"""Listening TCP sockets."""

import socket
from pathlib import Path
from typing import Protocol

from authd.unix.sockets import SocketError


class Listening(Protocol):
    """What a listening socket is to those who pass it on, be it a `sockets.BoundSocket` or a `PlainSocket`."""

    socket: socket.socket

    @property
    def path(self) -> Path | str: ...

    def unlink(self) -> None: ...

    def disown(self) -> None: ...

    def close(self) -> None: ...


class PlainSocket:
    """A listening socket, non-blocking, of which nothing has to be taken back: no file of ours, no lock."""

    def __init__(self, listening: socket.socket, where: Path | str) -> None:
        self.socket = listening
        self.path = where

    def unlink(self) -> None:
        """There is no file."""

    def disown(self) -> None:
        """Nothing is held but the socket."""

    def close(self) -> None:
        self.socket.close()


def bind(where: str, backlog: int) -> PlainSocket:
    """Listen at ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``; of a name with several addresses at the first.

    Raises SocketError.
    """
    host, _, port = where.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(backlog)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise SocketError(f"{where}: expected to listen there, got: {error.strerror or error}") from error
    return PlainSocket(listening, where)
