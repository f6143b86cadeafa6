"""`authd saslauthd` beside Debian's saslauthd 2.1.28, started with the same command lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers import sasl
from tests.servers.box import Box
from tests.servers.client import OK, ask
from tests.servers.pam import add_service, add_user
from tests.servers.process import wait_until
from tests.servers.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd, person

PACKAGES = ("sasl2-bin", "libpam-modules", "slapd", "ldap-utils")
DIRECTORY = "/run/saslauthd"
PROGRAMS = {"saslauthd": ["saslauthd"], "authd": [sys.executable, "-m", "authd", "saslauthd"]}
DIRECTORY_FILE = f"""
ldap_servers: ldap://127.0.0.1/
ldap_bind_dn: {SERVICE}
ldap_password: {SERVICE_PASSWORD}
ldap_search_base: {PEOPLE}
"""


class Question(NamedTuple):
    login: str
    password: str
    service: str = "smtp"
    realm: str = ""


@contextmanager
def running(box: Box, program: str, *flags: str, directory: str = DIRECTORY) -> Iterator[None]:
    """The daemon in the background; whoever started it saw status 0, and has not waited for its output to end."""
    box.run([*PROGRAMS[program], *flags, "-m", directory])
    wait_until(lambda: takes_connections(box, directory), "a listening socket")  # the C daemon is not ready yet
    try:
        yield
    finally:
        box.run(["sh", "-c", f"kill $(cat {directory}/saslauthd.pid)"])
        wait_until(lambda: not box.path(f"{directory}/saslauthd.pid").exists(), "the end of the daemon")
        wait_until(lambda: not takes_connections(box, directory), "the end of its processes")


def takes_connections(box: Box, directory: str) -> bool:
    try:
        box.connect(f"{directory}/mux").close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module", autouse=True)
def users(box: Box) -> None:
    box.add_user("authd", groups=["sasl"])
    box.make_directory(DIRECTORY, mode=0o710, group="sasl")
    sasl.set_password(box, "alice", "example.org", "of sasldb")
    sasl.set_password(box, "alice", "mail", "of the host")
    add_user(box, "alice", "of shadow")
    add_user(box, "system", "of the system", uid=150)
    row = f"bob@example.org:{hashed(b'of passwd', '$6$rounds=1000$saltsalt')}:5001:5001::/:/bin/sh\n"
    box.write("/etc/passwd", box.read("/etc/passwd") + row)
    add_service(box, "smtp", "auth required pam_unix.so nodelay", "account required pam_unix.so")
    add_service(box, "webmail", "auth required pam_deny.so", "account required pam_unix.so")
    add_service(box, "other", "auth required pam_unix.so nodelay", "account required pam_unix.so")
    box.write("/etc/directory.conf", DIRECTORY_FILE, mode=0o640, group="authd")
    Slapd(box, person("carol", "of the directory")).start()


@pytest.mark.parametrize(
    ("flags", "questions"),
    [
        pytest.param(
            ["-a", "sasldb"],
            [
                Question("alice", "of sasldb", realm="example.org"),
                Question("alice", "guess", realm="example.org"),
                Question("alice", "of the host"),
                Question("alice@example.org", "of sasldb"),
                Question("mallory", "of sasldb", realm="example.org"),
            ],
            id="sasldb",
        ),
        pytest.param(
            ["-rca", "sasldb"],
            [Question("alice", "of sasldb", realm="example.org"), Question("alice", "of the host")],
            id="sasldb with -r",
        ),
        pytest.param(
            ["-a", "shadow", "-n", "0"],
            [
                Question("alice", "of shadow"),
                Question("alice", "guess"),
                Question("alice", "of shadow", realm="example.org"),
                Question("system", "of the system"),
                Question("nobody", ""),
            ],
            id="shadow",
        ),
        pytest.param(
            ["-a", "getpwent", "-r", "-l"],
            [
                Question("bob", "of passwd", realm="example.org"),
                Question("bob", "of passwd"),
                Question("bob@example.org", "of passwd"),
                Question("bob", "guess", realm="example.org"),
            ],
            id="getpwent",
        ),
        pytest.param(
            ["-c", "-t60", "-s", "128", "-n5", "-aPAM"],
            [
                Question("alice", "of shadow"),
                Question("alice", "guess"),
                Question("alice", "of shadow", "webmail"),
                Question("alice", "of shadow", "any"),
                Question("alice", "guess", "any"),
                Question("system", "of the system", "any"),
            ],
            id="pam",
        ),
        pytest.param(
            ["-V", "-a", "ldap", "-O", "/etc/directory.conf"],
            [Question("carol", "of the directory"), Question("carol", "guess"), Question("mallory", "guess")],
            id="ldap",
        ),
    ],
)
def test_both_give_the_same_answers(box: Box, flags: list[str], questions: list[Question]) -> None:
    answers: dict[str, list[str]] = {}
    for program in PROGRAMS:
        with running(box, program, *flags):
            mux = box.path(f"{DIRECTORY}/mux")
            answers[program] = [ask(mux, *question)[2:4].decode() for question in questions]

    assert answers["authd"] == answers["saslauthd"]
    assert set(answers["authd"]) == {"OK", "NO"}
