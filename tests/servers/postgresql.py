"""Debian's PostgreSQL in a box: a private cluster, on a Unix socket and with TLS on the loopback."""

import os
import signal
from pathlib import Path

from tests.servers.box import Box
from tests.servers.process import Process

PACKAGES = ("postgresql-15",)

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_USER = "postgres"
_CONFIGURATION = """
listen_addresses = '*'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = {max_connections}
superuser_reserved_connections = 2
shared_buffers = 16MB
fsync = off
log_statement = {logged}
log_connections = on
log_line_prefix = '%q%u@%d '
"""
_ACCESS = f"""
local     all    {_USER} peer
local     all    all     scram-sha-256
hostssl   secret all     all scram-sha-256 clientcert=verify-full
hostnossl mail   all     all scram-sha-256
hostssl   mail   all     all scram-sha-256
"""


class PostgreSQL:
    """A cluster of its own port. Its log holds every statement, unless told otherwise."""

    def __init__(self, box: Box, *, port: int = 5432, max_connections: int = 40, logged: str = "all") -> None:
        self.box = box
        self.port = port
        self.sockets = Path(f"/run/postgresql-{port}")
        self._data = self.sockets / "data"
        box.add_user(_USER)
        box.make_directory(self.sockets, owner=_USER, group=_USER)
        initdb = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={_USER}"]
        password = box.run(["mktemp"], user=_USER).stdout.strip()
        box.write(password, os.urandom(16).hex(), owner=_USER, mode=0o600)
        box.run([_PROGRAMS / "initdb", *initdb, f"--pwfile={password}", "-D", self._data], user=_USER)
        settings = {"port": port, "sockets": self.sockets, "max_connections": max_connections, "logged": logged}
        self.configure(_CONFIGURATION.format(**settings))
        self._write("pg_hba.conf", _ACCESS)

    def configure(self, lines: str) -> None:
        """Add to postgresql.conf, for the next start."""
        self._write("postgresql.conf", self.box.read(self._data / "postgresql.conf") + lines)

    def allow(self, lines: str) -> None:
        """Let in who matches these lines of pg_hba.conf, before all others, from the next start on."""
        self._write("pg_hba.conf", f"local all {_USER} peer\n{lines}\n{_ACCESS}")

    def use_certificate(self, certificate: str, key: str, authority: str) -> None:
        """Offer TLS with a certificate and its key, PEM, from the next start on."""
        for name, content in {"cert": certificate, "key": key, "ca": authority}.items():
            self._write(f"{name}.pem", content)
            self.configure(f"ssl_{name}_file = '{self._data / name}.pem'\n")
        self.configure("ssl = on\n")

    def start(self) -> None:
        """Return when it takes connections."""
        self._process = self.box.start([_PROGRAMS / "postgres", "-D", self._data], user=_USER)
        self._process.wait_for_output("ready to accept connections")

    def stop(self) -> None:
        """End it and its connections, as ``systemctl stop`` does."""
        assert self._process.stop(signal.SIGINT) == 0

    def freeze(self) -> None:
        """Stop every process of it, so that connections stay open and nothing is answered."""
        self._process.freeze()  # first, so that there will be no others
        self._frozen = _children(self._process.pid)
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._frozen:
            os.kill(pid, signal.SIGCONT)
        self._process.thaw()

    def execute(self, statements: str, database: str = _USER) -> str:
        """Run statements of the superuser and give what they print, a row a line, columns cut by ``|``."""
        psql = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-p", str(self.port), "-d", database]
        return self.box.run(psql, input=statements, user=_USER).stdout.strip()

    @property
    def host(self) -> str:
        """The folder of its Unix socket as this process, outside of the box, reaches it."""
        return str(self.box.path(self.sockets))

    @property
    def log(self) -> str:
        """What it has logged since it was started last."""
        return self._process.output

    @property
    def process(self) -> Process:
        return self._process

    def _write(self, name: str, content: str) -> None:
        self.box.write(self._data / name, content, mode=0o600, owner=_USER, group=_USER)


def _children(parent: int) -> list[int]:
    """Give its children; /proc/PID/task/PID/children may leave some out while others end (proc(5))."""
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _parent_of(process) == parent]


def _parent_of(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
