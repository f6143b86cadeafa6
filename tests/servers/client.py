"""A saslauthd client of one connection, for what the real ones are too slow to do."""

import socket
import struct
from pathlib import Path

from tests.servers.process import DEADLINE

OK, NO, TEMPORARY_FAILURE = b"\0\2OK", b"\0\2NO", b"\0\0"


def ask(path: Path, login: str, password: str, service: str = "smtp", realm: str = "", client_field: str = "") -> bytes:
    """Give the answer as it came, count and all; `path` is the host's name of the socket (`Box.path`).

    `client_field` is the fifth, "address;port", which released clients do not send.
    """
    fields = [field.encode() for field in (login, password, service, realm, *filter(None, [client_field]))]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(str(path))
        client.sendall(b"".join(struct.pack(">H", len(field)) + field for field in fields))
        return b"".join(iter(lambda: client.recv(4096), b""))
