"""A table of one user, whose server goes and comes: what the cases of `conformance` need of a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from authd_backends import LoopBackend
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

QUERY = "SELECT password FROM conformance WHERE login = :login"
_TABLE = """
DROP TABLE IF EXISTS conformance;
CREATE TABLE conformance (login VARCHAR(100) PRIMARY KEY, password VARCHAR(255));
INSERT INTO conformance VALUES ('alice', '{PLAIN}correct horse');
GRANT SELECT ON conformance TO authd;
"""


class Installation:
    """As `authd_backends.conformance` has it."""

    login = "alice"
    realm = ""
    password = b"correct horse"

    def __init__(
        self, server: MariaDB | PostgreSQL, execute: Callable[[str], object], backend: Callable[[], LoopBackend]
    ) -> None:
        """`execute` runs statements in the database that `backend` asks with `QUERY`."""
        self._server = server
        self._execute = execute
        self.backend = backend
        execute(_TABLE)

    def set_password(self, password: bytes) -> None:
        self._execute(f"UPDATE conformance SET password = '{{PLAIN}}{password.decode()}'")

    def take_away(self) -> None:
        self._server.stop()

    def bring_back(self) -> None:
        self._server.start()


@contextmanager
def brought_back(server: MariaDB | PostgreSQL) -> Iterator[None]:
    """Have it run again behind a case that failed while it was away."""
    try:
        yield
    finally:
        if not server.process.running:
            server.start()
