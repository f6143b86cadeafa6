"""What is remembered of the helper's answers ends with a change of the files behind them."""

from collections.abc import Iterator

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import ask

PACKAGES = ()
OK, NO = b"\0\2OK", b"\0\2NO"
SETTINGS = '[[listeners]]\npath = "/run/saslauthd/mux"\n\n[backends.shadow]\ntype = "shadow"\n'


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    box.write("/etc/nsswitch.conf", "passwd: files\nshadow: files\ngroup: files\n")
    authd = Authd(box, SETTINGS)
    box.write("/etc/passwd", f"{box.read('/etc/passwd')}alice:x:5000:5000::/:/bin/sh\n")
    _set_password(box, "secret")
    authd.start()
    yield authd
    authd.stop()


def _set_password(box: Box, password: str) -> None:
    rows = [row for row in box.read("/etc/shadow").splitlines() if not row.startswith("alice:")]
    rows.append(f"alice:{hashed(password.encode(), '$6$rounds=1000$saltsalt')}:20000:0:99999:7:::")
    box.write("/etc/shadow", "\n".join(rows) + "\n", mode=0o640, group="shadow")


def test_a_changed_system_password_counts_at_once(authd: Authd) -> None:
    socket = authd.box.path(SOCKET)
    assert [ask(socket, "alice", "secret") for _ in range(3)] == [OK] * 3
    authd.process.wait_for_output("cache=hit", 2)

    _set_password(authd.box, "changed")

    assert ask(socket, "alice", "secret") == NO
    assert ask(socket, "alice", "changed") == OK
