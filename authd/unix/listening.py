"""What a listening socket is to those who pass it on, whatever it listens at."""

import socket
from pathlib import Path
from typing import Protocol


class Listening(Protocol):
    """A `sockets.BoundSocket` or a `PlainSocket`."""

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
