"""Both daemons in one box, on the same files."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.databases import write_passwd_file, write_sasldb, write_system_users, write_table
from bench.generator import load
from tests.servers.authd import Authd
from tests.servers.box import Box
from tests.servers.process import wait_until
from tests.servers.sasl import DATABASE
from tests.servers.saslauthd import DIRECTORY, Saslauthd

PACKAGES = ("sasl2-bin", "mariadb-server", "libpam-mysql", "slapd", "ldap-utils")
FEW = 100  # users
SYSTEM_USERS = 64  # one for each client
SCRAPED_BACKENDS = 20
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

_CACHED = f"""
[[listeners]]
path = "{_SOCKETS}/mux"

[backends.users]
type = "passwd-file"
path = "{_FILES}/yescrypt"
"""

_QUIET = f'{_CACHED}\n[log]\nlevel = "warning"\n'

_SCRAPED = (
    _CACHED
    + "".join(
        f'\n[backends.other{number}]\ntype = "passwd-file"\npath = "{_FILES}/yescrypt"\n'
        for number in range(1, SCRAPED_BACKENDS)
    )
    + f'\n[[routes]]\nbackends = ["users"]\n\n[metrics]\nlisten = "{_SOCKETS}/metrics"\n'
)

# smtp is asked of pam_permit, imap of pam_unix, pop of shadow itself
_SYSTEM = f"""
[[listeners]]
path = "{_SOCKETS}/mux"

[[listeners]]
path = "{_SOCKETS}/cached"

[backends.pam]
type = "pam"

[backends.shadow]
type = "shadow"

[[routes]]
listeners = ["{_SOCKETS}/cached"]
backends = ["pam"]

[[routes]]
services = ["pop"]
backends = ["shadow"]
cache = false

[[routes]]
backends = ["pam"]
cache = false
"""
_PAM_SERVICES = {"smtp": "pam_permit.so", "imap": "pam_unix.so"}

# Every guess reaches pam_unix, as it does in C: with the user throttle most would be told at once to come back later.
_THROTTLED = "[throttle]\nper_user = 0\n"

_IDLE = f"""
[server]
request_deadline = "5m"
read_deadline = "5m"
{_CACHED}"""

_TABLE = 'query = "SELECT password FROM users WHERE login = :login"\ndefault_scheme = "PLAIN"'
KINDS = {"sasldb": "", "passwd-file": "", "sqlite": _TABLE}  # and what their options are besides the path

# One front for all, so that they differ in nothing else.
_FEW_AND_MANY = "[cache]\nenabled = false\n" + "".join(
    f"""
[[listeners]]
path = "{_SOCKETS}/{kind}-{size}"

[backends.{kind}-{size}]
type = "{kind}"
path = "{_FILES}/{kind}-{size}"
{options}

[[routes]]
listeners = ["{_SOCKETS}/{kind}-{size}"]
backends = ["{kind}-{size}"]
"""
    for kind, options in KINDS.items()
    for size in ("few", "many")
)


_WRITERS = {"sasldb": write_sasldb, "passwd-file": write_passwd_file, "sqlite": write_table}


class Contenders:
    """What the measurements need of the box."""

    def __init__(self, box: Box) -> None:
        self.box = box
        box.add_group("sasl")
        for directory in (_SOCKETS, _FILES):
            box.make_directory(directory)
        self._own_sasldb(DATABASE, FEW)
        self.stored = write_system_users(box, f"{_FILES}/yescrypt", SYSTEM_USERS)
        for service, module in _PAM_SERVICES.items():
            box.write(f"/etc/pam.d/{service}", f"auth required {module}\naccount required {module}\n")

    @contextmanager
    def authd(self) -> Iterator[Authd]:
        """Run authd on /etc/sasldb2."""
        yield from self._running(_PLAIN)

    @contextmanager
    def authd_with(self, backends: str) -> Iterator[Authd]:
        """Run authd on backends and routes of a file's text, cache off."""
        yield from self._running(f'[[listeners]]\npath = "{_SOCKETS}/mux"\n{backends}\n[cache]\nenabled = false\n')

    @contextmanager
    def authd_with_cache(self) -> Iterator[Authd]:
        """Run authd on a passwd-file with the system users and their hashes, cache on."""
        yield from self._running(_CACHED)

    @contextmanager
    def authd_with_cache_without_decisions(self) -> Iterator[Authd]:
        """Run it so, with no line for who came in: saslauthd writes none."""
        yield from self._running(_QUIET, is_silent=True)

    @contextmanager
    def authd_with_cache_for(self, users: int) -> Iterator[Authd]:
        """Run it on a passwd-file of so many users, cache on."""
        write_passwd_file(self.box.path(f"{_FILES}/cached"), users)
        yield from self._running(_CACHED.replace(f"{_FILES}/yescrypt", f"{_FILES}/cached"))

    @contextmanager
    def authd_that_waits(self) -> Iterator[Authd]:
        """Run it with cache on and minutes for a request to arrive."""
        yield from self._running(_IDLE)

    @contextmanager
    def authd_scraped(self) -> Iterator[Authd]:
        """Run it so, among `SCRAPED_BACKENDS`, with its metrics at the socket `metrics`."""
        yield from self._running(_SCRAPED)

    @contextmanager
    def authd_on_system_users(self, *, throttled: bool = False) -> Iterator[Authd]:
        """Run authd on PAM and shadow, cache off but at the socket `cached`; `throttled`: refusals wait."""
        yield from self._running(_SYSTEM + (_THROTTLED if throttled else ""))

    @contextmanager
    def authd_on_few_and_many(self, many: int) -> Iterator[Authd]:
        """Run authd with a few and with many users of each of `KINDS`, each behind a socket of its own."""
        for kind in KINDS:
            self.write_users(kind, "few", FEW)
            self.write_users(kind, "many", many)
        yield from self._running(_FEW_AND_MANY)

    def write_users(self, kind: str, size: str, users: int) -> None:
        """Write a file of `authd_on_few_and_many` in place of any that is there."""
        new, path = (self.box.path(f"{_FILES}/{name}") for name in ("new", f"{kind}-{size}"))
        _WRITERS[kind](new, users)
        if kind == "sasldb":
            self.box.run(["chown", "root:sasl", f"{_FILES}/new"])
        new.rename(path)

    @contextmanager
    def saslauthd(self, mechanism: str = "sasldb", *flags: str) -> Iterator[Saslauthd]:
        """Run the C daemon."""
        daemon = Saslauthd(self.box, mechanism, "-n", PROCESSES, *flags)
        daemon.start()
        yield daemon
        daemon.stop()

    def socket_of_authd(self, name: str = "mux") -> Path:
        return self.box.path(f"{_SOCKETS}/{name}")

    def socket_of_saslauthd(self) -> Path:
        return self.box.path(f"{DIRECTORY}/mux")

    def _running(self, configuration: str, *, is_silent: bool = False) -> Iterator[Authd]:
        daemon = Authd(self.box, configuration)
        daemon.start(is_silent=is_silent)
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
