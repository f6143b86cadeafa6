"""A saslauthd client of one connection, for what the real ones are too slow to do."""

import socket
import struct
from pathlib import Path

ENOUGH = 60.0  # seconds that nothing here needs
OK, NO, TEMPORARY_FAILURE = b"\0\2OK", b"\0\2NO", b"\0\0"


def ask(path: Path, login: str, password: str, service: str = "smtp", realm: str = "", client_field: str = "") -> bytes:
    """Give the answer as it came, count and all; `path` is the host's name of the socket (`Box.path`).

    `client_field` is the fifth, "address;port", which released clients do not send.
    """
    fields = (login, password, service, realm, *filter(None, [client_field]))
    client = connect(path)
    client.sendall(counted(*(field.encode("utf-8", "surrogateescape") for field in fields)))
    return everything(client)


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(ENOUGH)
    client.connect(str(path))
    return client


def counted(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(field)) + field for field in fields)


def everything(client: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    with client:
        return b"".join(iter(lambda: client.recv(4096), b""))
