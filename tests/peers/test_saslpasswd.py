"""saslpasswd2 writing into the sasldb2 that authd answers from."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from tests.servers import sasl
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask

PACKAGES = ("sasl2-bin",)
REALM = "example.org"
CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"

[backends.sasldb]
type = "sasldb"
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    for number in range(200):  # so that the file has more than one page
        sasl.set_password(box, f"user{number}", REALM, "secret")
    authd.start()
    yield authd
    authd.stop()


@pytest.fixture(scope="module")
def mux(authd: Authd) -> Path:
    return authd.box.path(SOCKET)


def test_a_user_is_there_changed_and_gone_as_soon_as_saslpasswd2_ends(authd: Authd, mux: Path) -> None:
    for number in range(25):
        sasl.set_password(authd.box, "carol", REALM, f"old{number}")
        added = ask(mux, "carol", f"old{number}", realm=REALM)
        sasl.set_password(authd.box, "carol", REALM, f"new{number}")
        changed = ask(mux, "carol", f"new{number}", realm=REALM)
        outdated = ask(mux, "carol", f"old{number}", realm=REALM)
        sasl.delete_user(authd.box, "carol", REALM)
        deleted = ask(mux, "carol", f"new{number}", realm=REALM)

        assert [added, changed, outdated, deleted] == [OK, OK, NO, NO], f"round {number}"


def test_nobody_else_is_missed_while_it_writes(authd: Authd, mux: Path) -> None:
    written = Event()

    def log_in_until_written(user: str) -> tuple[int, set[bytes], set[bytes]]:
        accepted, refused = set(), set()
        for logins in count(1):
            accepted.add(ask(mux, user, "secret", realm=REALM))
            refused.add(ask(mux, user, "guess", realm=REALM))
            if written.is_set():
                return logins, accepted, refused
        raise AssertionError

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(log_in_until_written, f"user{number}") for number in (7, 77, 177)]
        try:
            authd.box.run(["sh", "-c", ADD_CHANGE_AND_DELETE])
        finally:
            written.set()
        seen = [reader.result() for reader in readers]

    assert all(logins > 100 for logins, _, _ in seen), seen
    assert [(accepted, refused) for _, accepted, refused in seen] == [({OK}, {NO})] * 3


ADD_CHANGE_AND_DELETE = """
for round in 1 2 3 4 5; do
    for user in $(seq 60); do printf "$round" | saslpasswd2 -p -c -u example.org other$user || exit; done
    for user in $(seq 60); do printf "x$round" | saslpasswd2 -p -u example.org other$user || exit; done
    for user in $(seq 60); do saslpasswd2 -d -u example.org other$user || exit; done
done
"""
