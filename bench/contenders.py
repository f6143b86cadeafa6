"""Both daemons in one box, on the same files."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.databases import write_passwd_file, write_sasldb
from bench.generator import load
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.process import wait_until
from tests.servers.sasl import DATABASE
from tests.servers.saslauthd import DIRECTORY, Saslauthd

PACKAGES = ("sasl2-bin",)
FEW = 100  # users
PROCESSES = "5"  # of the C daemon: its default, and Debian's

_SOCKETS = "/run/authd"
_FILES = "/run/bench"

_PLAIN = f"""
[[listeners]]
path = "{_SOCKETS}/mux"

[backends.sasldb]
type = "sasldb"

[cache]
enabled = false
"""

# One front for all four, so that they differ in nothing else.
_FOUR = "[cache]\nenabled = false\n" + "".join(
    f"""
[[listeners]]
path = "{_SOCKETS}/{kind}-{size}"

[backends.{kind}-{size}]
type = "{kind}"
path = "{_FILES}/{kind}-{size}"

[[routes]]
listeners = ["{_SOCKETS}/{kind}-{size}"]
backends = ["{kind}-{size}"]
"""
    for kind in ("sasldb", "passwd-file")
    for size in ("few", "many")
)


class Contenders:
    """What the measurements need of the box."""

    def __init__(self, box: Box) -> None:
        self.box = box
        box.add_group("sasl")
        for directory in (_SOCKETS, _FILES):
            box.make_directory(directory)
        self._own_sasldb(DATABASE, FEW)

    @contextmanager
    def authd(self) -> Iterator[Authd]:
        """Run authd on /etc/sasldb2."""
        yield from self._running(_PLAIN)

    @contextmanager
    def authd_on_four_files(self, many: int) -> Iterator[Authd]:
        """Run authd with a few and with many users, in sasldb and in passwd-file, each behind a socket of its own."""
        for size, users in (("few", FEW), ("many", many)):
            self._own_sasldb(f"{_FILES}/sasldb-{size}", users)
            write_passwd_file(self.box.path(f"{_FILES}/passwd-file-{size}"), users)
        yield from self._running(_FOUR)

    @contextmanager
    def saslauthd(self) -> Iterator[Saslauthd]:
        """Run the C daemon on /etc/sasldb2."""
        daemon = Saslauthd(self.box, "sasldb", "-n", PROCESSES)
        daemon.start()
        yield daemon
        daemon.stop()

    def socket_of_authd(self, name: str = "mux") -> Path:
        return self.box.path(f"{_SOCKETS}/{name}")

    def socket_of_saslauthd(self) -> Path:
        return self.box.path(f"{DIRECTORY}/mux")

    def _running(self, configuration: str) -> Iterator[Authd]:
        daemon = Authd(self.box, configuration)
        daemon.start()
        yield daemon
        daemon.stop()

    def _own_sasldb(self, path: str, users: int) -> None:
        write_sasldb(self.box.path(path), users)
        self.box.run(["chown", "root:sasl", path])


def front_of(daemon: Authd) -> int:
    """Give the number of the process that serves: the parent's child, where there is a parent."""
    parent = daemon.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else parent


def resident_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def wait_until_settled(socket: Path, users: int) -> None:
    """Return when it gets no faster: a large passwd-file is indexed behind the first requests."""
    rates = [1.0]

    def gets_no_faster() -> bool:
        rates.append(load(socket, clients=1, users=users, milliseconds=500).rate)
        return rates[-1] < 1.2 * rates[-2]

    wait_until(gets_no_faster, f"{socket.name}: a steady rate", deadline=120)


def seconds_since_start(pid: int) -> float:
    """Tell how long a process has been there, to 10 ms."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
