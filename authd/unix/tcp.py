"""Listening at TCP addresses."""

import socket

from authd.unix.listening import PlainSocket
from authd.unix.sockets import SocketError


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
