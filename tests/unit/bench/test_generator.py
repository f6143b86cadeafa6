"""The load generator against a server that answers what the case says."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.generator import LoadError, load

OK, NO, TEMPORARY = b"\0\2OK", b"\0\2NO", b"\0\0"


class Server:
    """Gives every client the same answer and keeps what they have sent."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client:
                self.requests.append(client.recv(65536))
                client.sendall(self._answer)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mux"


@pytest.fixture
def serve(path: Path) -> Iterator[Callable[[bytes], Server]]:
    servers: list[Server] = []

    def start(answer: bytes) -> Server:
        servers.append(Server(path, answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def fields(request: bytes) -> list[bytes]:
    found = []
    while request:
        (length,) = struct.unpack_from(">H", request)
        found.append(request[2 : 2 + length])
        request = request[2 + length :]
    return found


def test_it_makes_as_many_requests_as_it_is_told(serve: Callable[[bytes], Server], path: Path) -> None:
    server = serve(OK)

    sample = load(path, clients=4, users=1, requests=103)

    assert (sample.answers, sample.errors, len(server.requests)) == (103, 0, 103)
    assert 0 < sample.p50 <= sample.p99 <= sample.p999 <= sample.max
    assert sample.rate == pytest.approx(103 / sample.seconds, rel=0.5)


def test_each_client_sends_a_user_with_his_password(serve: Callable[[bytes], Server], path: Path) -> None:
    server = serve(OK)

    load(path, clients=2, users=50, requests=400)

    asked = {tuple(fields(request)) for request in server.requests}
    assert asked <= {(b"user%d" % number, b"secret%d" % number, b"smtp", b"example.org") for number in range(50)}
    assert len(asked) > 40


def test_it_ends_when_its_time_is_over(serve: Callable[[bytes], Server], path: Path) -> None:
    serve(OK)

    assert load(path, clients=1, users=1, milliseconds=20).seconds < 20


def test_in_order_each_user_comes_once_before_one_comes_again(serve: Callable[[bytes], Server], path: Path) -> None:
    server = serve(OK)

    load(path, clients=3, users=50, requests=50, in_order=True)

    assert {fields(request)[0] for request in server.requests} == {b"user%d" % number for number in range(50)}


def test_it_makes_as_many_requests_a_second_as_it_is_told(serve: Callable[[bytes], Server], path: Path) -> None:
    serve(OK)

    sample = load(path, clients=4, users=1, requests=50, rate=200)

    assert sample.seconds > 0.2
    assert sample.rate < 250


def test_where_temporary_failures_are_no_matter_they_are_counted(serve: Callable[[bytes], Server], path: Path) -> None:
    serve(TEMPORARY)

    sample = load(path, clients=2, users=1, requests=10, tolerant=True)

    assert (sample.answers, sample.temporary) == (10, 10)


def test_a_refusal_is_no_temporary_failure(serve: Callable[[bytes], Server], path: Path) -> None:
    serve(NO)

    with pytest.raises(LoadError, match=r"expected OK, got NO$"):
        load(path, clients=1, users=1, requests=10, tolerant=True)
    assert load(path, clients=1, users=1, requests=10, expected="NO").answers == 10


@pytest.mark.parametrize(("answer", "shown"), [(NO, "NO"), (TEMPORARY, "a temporary failure"), (b"\0\4NO x", "NO x")])
def test_a_wrong_answer_ends_it(serve: Callable[[bytes], Server], path: Path, answer: bytes, shown: str) -> None:
    serve(answer)

    with pytest.raises(LoadError, match=f"load: user user0, realm example.org: expected OK, got {shown}$"):
        load(path, clients=1, users=1, requests=10)


@pytest.mark.parametrize("answer", [b"", b"\0", b"\0\2", b"\0\2O", b"\xff\xff" + b"O" * 100])
def test_no_answer_is_no_login(serve: Callable[[bytes], Server], path: Path, answer: bytes) -> None:
    serve(answer)

    with pytest.raises(LoadError, match="mux: expected an answer each time, got none 10 times"):
        load(path, clients=1, users=1, requests=10)


def test_nobody_listening_is_no_login(path: Path) -> None:
    with pytest.raises(LoadError, match="got none 10 times"):
        load(path, clients=1, users=1, requests=10)
