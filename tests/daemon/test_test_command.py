"""`authd test` and Debian's testsaslauthd, side by side at one authd: the same words and the same exit status."""

import sys
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from authd_backends import Secret, hashes
from tests.servers.authd import Authd
from tests.servers.box import Box

PACKAGES = ("sasl2-bin",)
CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.lost]
type = "passwd-file"
path = "/etc/authd/lost"

[[routes]]
services = ["lost"]
backends = ["lost"]

[[routes]]
backends = ["users"]
"""
USERS = [("alice", b"secret"), ("bob@example.org", b"-dash"), ("jörg", "pässword".encode())]


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    rows = (f"{user}:{hashes.new_hash(Secret(password))}\n" for user, password in USERS)
    box.write("/etc/authd/users", "".join(rows), mode=0o640, group="authd")
    authd.start()
    yield authd
    authd.stop()


def told(done: CompletedProcess[str], name: str) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr.replace(name, "NAME")


@pytest.mark.parametrize(
    "words",
    [
        "-u alice -p secret",
        "-u alice -p wrong",
        "-u nobody -p secret",
        "-u alice -p secret -r example.org -s smtp",
        "-ualice -psecret",
        "-p secret -u bob -p -dash -r example.org",
        "-u bob@example.org -p -dash",
        "-u jörg -p pässword",
        "-u alice -p secret -s lost",
        "-u alice -p wrong -R 3",
        "-u alice -p secret -R many",
        "-u alice -p secret operand",
        "-u alice -p secret -f /run/saslauthd/mux",
        "-u alice -p secret -f /run/nobody",
        "-u alice -p secret -f /run",
        "-u alice",
        "-u alice -p",
        "-u alice -p secret -x",
        "",
    ],
)
def test_both_say_the_same(box: Box, authd: Authd, words: str) -> None:
    theirs = box.run(["testsaslauthd", *words.split()], expect=None)
    ours = box.run([sys.executable, "-m", "authd", "test", *words.split()], expect=None)

    assert told(ours, "authd test") == told(theirs, "testsaslauthd")


def test_a_password_from_standard_input_logs_in(box: Box, authd: Authd) -> None:
    command = [sys.executable, "-m", "authd", "test", "-u", "alice", "-p", "-"]

    assert box.run(command, input="secret\n").stdout == '0: OK "Success."\n'
