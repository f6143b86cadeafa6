import socket

import pytest

from authd.unix import tcp
from authd.unix.sockets import SocketError


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as tried:
        try:
            tried.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", *(["[::1]"] if has_ipv6() else [])])
def test_it_listens_there_without_blocking(host: str) -> None:
    bound = tcp.bind(f"{host}:0", 5)
    try:
        port = bound.socket.getsockname()[1]
        with socket.create_connection((host.strip("[]"), port), 30.0):
            accepted, _ = bound.socket.accept()
            accepted.close()
        with pytest.raises(BlockingIOError):
            bound.socket.accept()
    finally:
        bound.close()


@pytest.mark.parametrize(
    ("where", "got"),
    [
        ("203.0.113.1:9479", "Cannot assign requested address"),  # of a network that is nobody's, RFC 5737
        ("no such host:9479", "not known"),
    ],
)
def test_where_nobody_can_listen_is_told(where: str, got: str) -> None:
    with pytest.raises(SocketError, match=got) as error:
        tcp.bind(where, 5)

    assert str(error.value).startswith(f"{where}: expected to listen there, got: ")


def test_a_port_that_is_taken_is_told() -> None:
    bound = tcp.bind("127.0.0.1:0", 5)
    where = f"127.0.0.1:{bound.socket.getsockname()[1]}"
    with pytest.raises(SocketError, match="Address already in use"):
        tcp.bind(where, 5)

    bound.disown()
    bound.unlink()
    bound.close()

    tcp.bind(where, 5).close()
