"""Sockets from a service manager; each case is a process of its own, for they stand at a fixed descriptor."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TAKE = """
import os
from authd.unix.activation import given_sockets
from authd.unix.sockets import SocketError
try:
    taken = given_sockets()
except SocketError as error:
    print(error)
else:
    print([(each.fileno(), each.getsockname(), each.getblocking(), each.get_inheritable()) for each in taken])
print([name for name in os.environ if name.startswith("LISTEN_")])
"""


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "mux"))
        listening.listen()
        yield listening


def take(given: socket.socket, count: str = "1", pid: str = "$$") -> list[str]:
    """Hand a descriptor over as number 3; give what the process printed."""
    shell = f'LISTEN_FDNAMES=a LISTEN_FDS={count} LISTEN_PID={pid} exec "$@" 3<&0'
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", TAKE]
    done = subprocess.run(command, stdin=given.fileno(), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_socket_is_taken_and_its_traces_are_removed(listening: socket.socket) -> None:
    assert take(listening) == [str([(3, listening.getsockname(), False, False)]), "[]"]


def test_what_was_meant_for_another_process_is_left_alone(listening: socket.socket) -> None:
    assert take(listening, pid="1") == ["[]", "[]"]


@pytest.mark.parametrize("count", ["", "-1", "one", "1000000", "\u0661"])
def test_a_count_that_is_none_is_told(listening: socket.socket, count: str) -> None:
    assert take(listening, count)[0].startswith("LISTEN_FDS: expected a number, got ")


def test_a_descriptor_that_is_missing_is_told(listening: socket.socket) -> None:
    assert "expected a socket, got: " in take(listening, "1000")[0]


def test_a_socket_that_does_not_listen_is_told() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert take(one)[0].startswith("descriptor 3: expected a listening Unix stream socket, got <socket.socket")


def test_a_socket_of_another_family_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert take(listening)[0].startswith(
            "descriptor 3: expected a listening Unix stream socket, got <socket.socket"
        )
