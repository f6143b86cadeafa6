"""Debian's testsaslauthd, and `authd test` beside it: the same words and exit status, whoever answers."""

import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import sasl
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.process import DEADLINE
from tests.servers.saslauthd import Saslauthd

PACKAGES = ("sasl2-bin",)
RIGHT, WRONG = ["-u", "alice", "-p", "secret", "-r", "example.org"], ["-u", "alice", "-p", "guess", "-r", "example.org"]
CLIENTS = {"testsaslauthd": ["testsaslauthd"], "authd test": [sys.executable, "-m", "authd", "test"]}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> list[str]:
    return CLIENTS[request.param]


@pytest.fixture(scope="module", params=["authd", "Cyrus saslauthd"])
def daemon(request: pytest.FixtureRequest, box: Box) -> Iterator[Authd | Saslauthd]:
    box.add_group("sasl")
    sasl.set_password(box, "alice", "example.org", "secret")
    daemon = Authd(box, sasl.AUTHD) if request.param == "authd" else Saslauthd(box)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.mark.parametrize(
    ("arguments", "printed", "status"),
    [
        pytest.param(RIGHT, '0: OK "Success."\n', 0, id="right"),
        pytest.param(WRONG, '0: NO "authentication failed"\n', 255, id="wrong"),
        pytest.param([*RIGHT, "-s", "smtp", "-R", "2"], '0: OK "Success."\n1: OK "Success."\n', 0, id="twice"),
        pytest.param(["-u", "mallory", "-p", "secret"], '0: NO "authentication failed"\n', 255, id="unknown"),
        pytest.param(["-u", "", "-p", "secret"], '0: NO "authentication failed"\n', 255, id="empty login"),
    ],
)
def test_answers_read_alike(
    box: Box, daemon: Authd | Saslauthd, client: list[str], arguments: list[str], printed: str, status: int
) -> None:
    done = box.run([*client, *arguments], expect=status)

    assert done.stdout == printed
    assert done.stderr == ""


@pytest.mark.parametrize("daemon", ["authd"], indirect=True)
def test_an_outage_is_no_refusal(box: Box, daemon: Authd, client: list[str]) -> None:
    done = box.run([*client, "-u", "alice", "-p", "secret", "-r", "gone.example"], expect=255)

    assert done.stdout == "0: "
    assert done.stderr == "bad response from saslauthd\n"


@pytest.mark.parametrize(
    ("answer", "complaint"), [(b"", "size read failed\n"), (b"\0\0", "bad response from saslauthd\n")]
)
def test_a_daemon_that_gives_no_answer(box: Box, client: list[str], answer: bytes, complaint: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor() as threads:
        listener.bind(str(box.path("/run/other")))
        listener.settimeout(DEADLINE)
        listener.listen()
        said = threads.submit(_say, listener, answer)

        done = box.run([*client, *RIGHT, "-f", "/run/other"], expect=255)
        said.result()
    box.run(["rm", "/run/other"])

    assert done.stdout == "0: "
    assert done.stderr == complaint


def _say(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(8192)
        connection.sendall(answer)


def test_no_socket(box: Box, client: list[str]) -> None:
    done = box.run([*client, *RIGHT, "-f", "/run/nothing"], expect=255)

    assert done.stdout == "0: "
    assert done.stderr == "connect() : No such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["-u", "alice"], ["-p", "secret"], ["-x"]])
def test_wrong_use(box: Box, client: list[str], arguments: list[str]) -> None:
    done = box.run([*client, *arguments], expect=1)

    assert done.stdout == ""
    assert ": usage: " in done.stderr
