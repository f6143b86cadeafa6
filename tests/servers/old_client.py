"""A client of SASL 1.5 (cyrus-sasl lib/checkpw.c, pwcheck_verify_password): sends both strings, reads to the end.

`python -m tests.servers.old_client SOCKET LOGIN PASSWORD` prints the answer as it came.
"""

import socket
import sys

from tests.servers.process import DEADLINE


def request(login: str, password: str) -> bytes:
    return f"{login}\0{password}\0".encode()


def ask(path: str, login: str, password: str) -> str:
    """Give all that the daemon says until it closes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(path)
        client.sendall(request(login, password))
        return b"".join(iter(lambda: client.recv(1024), b"")).decode()


if __name__ == "__main__":
    sys.stdout.write(ask(*sys.argv[1:]))
