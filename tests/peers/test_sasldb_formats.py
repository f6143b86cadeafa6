"""A sasldb2 in GDBM or LMDB, written by another process with the real library while authd answers from it."""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest

from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, ask

PACKAGES = ("python3-gdbm",)
REALM = "example.org"
USERS = [f"user{number}" for number in range(200)]
PATHS = {"gdbm": "/etc/sasldb2.gdbm", "lmdb": "/etc/sasldb2.lmdb"}
CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"
"""
ROUTE = """
[backends.{kind}]
type = "sasldb"
path = "{path}"

[[routes]]
services = ["{kind}"]
backends = ["{kind}"]
cache = false
"""

# Debian's Python has its gdbm, ours has lmdb. Each change is a process's own in all but time: open, write, close.
WRITERS = {"gdbm": "/usr/bin/python3", "lmdb": sys.executable}
WRITE = """
import sys
kind, path, *commands = sys.argv[1:]

def change(name, password):
    key = f"{name}\\0example.org\\0userPassword".encode()
    if kind == "gdbm":
        import dbm.gnu
        with dbm.gnu.open(path, "c", 0o660) as database:
            if password:
                database[key] = password
            else:
                del database[key]
    else:
        import lmdb
        with lmdb.open(path, subdir=False, map_size=1 << 26, mode=0o660) as environment:
            with environment.begin(write=True) as transaction:
                transaction.put(key, password.encode()) if password else transaction.delete(key)

for command in commands:
    change(*command.split("="))
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    for kind in PATHS:
        write(box, kind, *(f"{user}=secret" for user in USERS))
    routes = "".join(ROUTE.format(kind=kind, path=path) for kind, path in PATHS.items())
    authd = Authd(box, CONFIGURATION + routes)
    box.run(["chgrp", "sasl", *PATHS.values()])
    authd.start()
    yield authd
    authd.stop()


@pytest.fixture(scope="module")
def mux(authd: Authd) -> Path:
    return authd.box.path(SOCKET)


def write(box: Box, kind: str, *commands: str) -> None:
    box.run([WRITERS[kind], "-c", WRITE, kind, PATHS[kind], *commands])


@pytest.mark.parametrize("kind", PATHS)
def test_a_user_is_there_changed_and_gone_as_soon_as_the_writer_ends(authd: Authd, mux: Path, kind: str) -> None:
    for number in range(8):
        write(authd.box, kind, f"carol=old{number}")
        added = ask(mux, "carol", f"old{number}", kind, REALM)
        write(authd.box, kind, f"carol=new{number}")
        changed = ask(mux, "carol", f"new{number}", kind, REALM)
        outdated = ask(mux, "carol", f"old{number}", kind, REALM)
        write(authd.box, kind, "carol=")
        deleted = ask(mux, "carol", f"new{number}", kind, REALM)

        assert [added, changed, outdated, deleted] == [OK, OK, NO, NO], f"round {number}"


@pytest.mark.parametrize("kind", PATHS)
def test_nobody_else_is_refused_and_no_writer_waits_while_it_is_written(authd: Authd, mux: Path, kind: str) -> None:
    written = Event()

    def log_in_until_written() -> tuple[Counter[bytes], Counter[bytes]]:
        right, wrong = Counter[bytes](), Counter[bytes]()
        for user in cycle(USERS):
            right[ask(mux, user, "secret", kind, REALM)] += 1
            wrong[ask(mux, user, "guess", kind, REALM)] += 1
            if written.is_set():
                break
        return right, wrong

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(log_in_until_written) for _ in range(3)]
        try:
            for round_of in range(10):
                write(authd.box, kind, *(f"other{number}={'x' * (number + round_of)}" for number in range(1, 300)))
            write(authd.box, kind, *(f"other{number}=" for number in range(1, 300)))
        finally:
            written.set()
        seen = [reader.result() for reader in readers]

    for right, wrong in seen:
        assert right[OK] > 0
        assert right[NO] == 0
        assert wrong[OK] == 0
