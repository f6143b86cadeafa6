"""`authd saslauthd` beside Debian's saslauthd 2.1.28, started with the same command lines."""

import fcntl
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers import sasl
from tests.servers.box import Box
from tests.servers.client import ask
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


def answers_to(box: Box, questions: list[Question]) -> list[str]:
    """Ask all at once: authd holds each refusal back for 2 s."""
    mux = box.path(f"{DIRECTORY}/mux")
    with ThreadPoolExecutor(5) as clients:
        return list(clients.map(lambda question: ask(mux, *question)[2:4].decode(), questions))


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
            answers[program] = answers_to(box, questions)

    assert answers["authd"] == answers["saslauthd"]
    assert "OK" in answers["authd"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_pid_file_and_socket_are_where_they_were(box: Box, program: str) -> None:
    with running(box, program, "-a", "sasldb"):
        pid_file, mux = (box.path(f"{DIRECTORY}/{name}") for name in ("saslauthd.pid", "mux"))
        text, modes = pid_file.read_text(), [stat.S_IMODE(path.stat().st_mode) for path in (pid_file, mux)]
        status = box.read(f"/proc/{int(text)}/status")

        assert text.endswith("\n")
        assert modes == [0o600, 0o777]
        assert is_locked(pid_file)
        assert "\nUmask:\t0077\n" in status
        for stream in (0, 1, 2):
            assert box.run(["readlink", f"/proc/{int(text)}/fd/{stream}"]).stdout == "/dev/null\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_reload_of_the_init_script_ends_neither(box: Box, program: str) -> None:
    question = Question("alice", "of sasldb", realm="example.org")
    with running(box, program, "-a", "sasldb"):
        box.run(["sh", "-c", f"kill -HUP $(cat {DIRECTORY}/saslauthd.pid)"])

        assert answers_to(box, [question] * 3) == ["OK"] * 3


@pytest.mark.parametrize("first", PROGRAMS)
@pytest.mark.parametrize("second", PROGRAMS)
def test_a_second_one_in_the_directory_is_exit_2_whichever_runs(box: Box, first: str, second: str) -> None:
    with running(box, first, "-a", "sasldb"):
        done = box.run([*PROGRAMS[second], "-a", "sasldb", "-m", DIRECTORY], expect=2)

        assert takes_connections(box, DIRECTORY)
    assert "nother instance of saslauthd" in done.stderr


@pytest.mark.parametrize(
    ("flags", "of_saslauthd", "of_authd"),
    [
        (["-v"], 0, 0),
        (["-h"], 0, 0),
        (["-a", "sasldb", "-m", "run"], 1, 1),
        (["-a", "sasldb", "-n", "-1"], 1, 1),
        (["-a", "sasldb", "-s", "many"], 1, 1),
        (["-a", "sasldb", "-t", "0"], 1, 1),
        (["-a", "nothing"], 1, 1),
        (["-a", "sasldb", "-m", "/run/none/saslauthd"], 1, 1),
        (["-x"], 0, 1),  # the usage of saslauthd is a success, though nothing runs
        ([], 0, 1),
        (["-a", "sasldb", "-a", "pam"], 0, 1),
        (["-a", "sasldb", "-n"], 0, 1),
        (["-a", "sasldb", "-m", "/run/" + 120 * "x"], 0, 1),  # so it says, before it listens at half of the path
    ],
)
def test_what_does_not_start_is_never_exit_0(box: Box, flags: list[str], of_saslauthd: int, of_authd: int) -> None:
    statuses = {program: box.run([*words, *flags], expect=None) for program, words in PROGRAMS.items()}

    assert {program: done.returncode for program, done in statuses.items()} == {
        "saslauthd": of_saslauthd,
        "authd": of_authd,
    }
    assert statuses["authd"].stderr
    assert statuses["authd"].stdout == ""


@pytest.mark.parametrize(
    ("flags", "spoil", "told", "mend"),
    [
        pytest.param(
            ["-a", "sasldb"],
            "chgrp shadow /etc/sasldb2",
            "/etc/sasldb2: expected a file that authd may read, got no permission; mend it: adduser authd shadow",
            "chgrp sasl /etc/sasldb2",
            id="the group of another",
        ),
        pytest.param(
            ["-a", "ldap", "-O", "/etc/directory.conf"],
            "chgrp root /etc/directory.conf",
            "mend it: chgrp authd /etc/directory.conf; chmod g+r /etc/directory.conf",
            "chgrp authd /etc/directory.conf",
            id="root's alone",
        ),
        pytest.param(
            ["-a", "ldap", "-O", "/etc/directory.conf"],
            "sed -i '$a ldap_scope: all' /etc/directory.conf",
            "/etc/directory.conf:6: ldap_scope: expected sub or one or base, got 'all'",
            "sed -i '$d' /etc/directory.conf",
            id="a value that cannot be",
        ),
        pytest.param(
            ["-a", "shadow"],
            "sed -i 's/^authd:/other:/' /etc/passwd",
            "make it: useradd --system --home /nonexistent --shell /usr/sbin/nologin authd",
            "sed -i 's/^other:/authd:/' /etc/passwd",
            id="no user to become",
        ),
    ],
)
def test_what_would_leave_everybody_without_an_answer_is_exit_1_with_the_remedy(
    box: Box, flags: list[str], spoil: str, told: str, mend: str
) -> None:
    box.run(["sh", "-c", spoil])
    try:
        done = box.run([*PROGRAMS["authd"], *flags, "-m", DIRECTORY], expect=1)
    finally:
        box.run(["sh", "-c", mend])

    assert told in done.stderr
    assert not box.path(f"{DIRECTORY}/saslauthd.pid").exists()
    with running(box, "authd", *flags):
        pass


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock that fcntl(2) knows."""
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
