"""The pwcheck socket in Postfix's chroot on old Debian, with a client of SASL 1.5."""

import sys
from collections.abc import Iterator

import pytest

from authd_backends import Secret, hashes
from tests.servers.authd import Authd
from tests.servers.box import Box

PACKAGES = ()
SOCKET = "/var/spool/postfix/var/run/pwcheck/pwcheck"
CONFIGURATION = f"""
[[listeners]]
path = "{SOCKET}"
owner = "postfix"
mode = "0600"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    box.add_user("postfix")
    box.make_directory("/var/spool/postfix/var/run")
    box.make_directory("/var/spool/postfix/var/run/pwcheck", mode=0o700, owner="postfix", group="postfix")
    box.write("/etc/authd/users", f"alice:{hashes.new_hash(Secret(b'secret'))}\nbroken:{{SHA1024}}x\n", group="authd")
    authd.start()
    yield authd
    authd.stop()


@pytest.mark.parametrize(
    ("login", "password", "answer"),
    [
        ("alice", "secret", "OK"),
        ("alice", "guess", "NO"),
        ("mallory", "secret", "NO"),
        ("broken", "secret", ""),  # the old form knows no temporary failure but the end without an answer
    ],
)
def test_answers_of_the_old_form(authd: Authd, login: str, password: str, answer: str) -> None:
    assert authd.box.run(client(login, password), user="postfix").stdout == answer


def test_nobody_but_postfix_can_ask(authd: Authd) -> None:
    done = authd.box.run(client("alice", "secret"), user="nobody", expect=1)

    assert done.stderr.endswith("PermissionError: [Errno 13] Permission denied\n")


def client(login: str, password: str) -> list[str]:
    return [sys.executable, "-m", "tests.servers.old_client", SOCKET, login, password]
