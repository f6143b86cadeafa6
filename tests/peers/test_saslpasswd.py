"""saslpasswd2 writing into the sasldb2 that authd answers from."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest

from tests.servers import sasl
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask

PACKAGES = ("sasl2-bin",)
REALM = "example.org"
USERS = [f"user{number}" for number in range(200)]  # so many have more than one page


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, sasl.AUTHD)
    box.run(["sh", "-c", ADD_USERS])
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


def test_nobody_else_is_refused_while_it_writes(authd: Authd, mux: Path) -> None:
    """New users split the pages of the file, and those who were there are for a moment on neither."""
    written = Event()

    def log_in_until_written() -> tuple[Counter[bytes], Counter[bytes]]:
        right, wrong = Counter[bytes](), Counter[bytes]()
        for user in cycle(USERS):
            right[ask(mux, user, "secret", realm=REALM)] += 1
            wrong[ask(mux, user, "guess", realm=REALM)] += 1
            if written.is_set():
                break
        return right, wrong

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(log_in_until_written) for _ in range(3)]
        try:
            authd.box.run(["sh", "-c", ADD_CHANGE_AND_DELETE])
        finally:
            written.set()
        seen = [reader.result() for reader in readers]

    for right, wrong in seen:
        assert right[OK] > len(USERS)
        assert right[NO] == 0
        assert wrong[NO] > len(USERS)
        assert wrong[OK] == 0


ADD_USERS = f"""
for user in {" ".join(USERS)}; do printf secret | saslpasswd2 -p -c -u {REALM} $user || exit; done
chown root:sasl {sasl.DATABASE}
"""
ADD_CHANGE_AND_DELETE = """
for user in $(seq 300); do printf %0200d $user | saslpasswd2 -p -c -u example.org other$user || exit; done
for user in $(seq 100); do printf %0100d $user | saslpasswd2 -p -u example.org other$user || exit; done
for user in $(seq 300); do saslpasswd2 -d -u example.org other$user || exit; done
"""
