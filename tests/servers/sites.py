"""Two servers of a kind, with a user alice at both, and how authd asks them: the same words for every kind."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import psycopg
import pymysql

from authd_backends import LoopBackend
from tests.servers import mariadb, postgresql
from tests.servers.asking import loop_backend
from tests.servers.box import Box
from tests.servers.ldap import LdapSite
from tests.servers.mariadb import MariaDB
from tests.servers.outages import Place
from tests.servers.postgresql import PostgreSQL

PACKAGES = (*mariadb.PACKAGES, *postgresql.PACKAGES, "slapd", "ldap-utils")

_TABLES = """
CREATE TABLE users (login VARCHAR(100) PRIMARY KEY, password VARCHAR(255));
INSERT INTO users VALUES ('alice', '{PLAIN}secret');
"""
_SQL = {
    "user": "authd",
    "password": "secret",
    "database": "mail",
    "query": "SELECT password FROM users WHERE login = :login",
    "connect_deadline": "1s",
    "query_deadline": "1s",
}


class MysqlSite:
    """MariaDB."""

    places: tuple[Place, Place] = (("127.0.0.1", 3306), ("127.0.0.1", 3307))
    none_left = "max_user_connections"
    endless_query = "SELECT password FROM users WHERE login = :login AND SLEEP(60) = 0"
    query_is_ended = "max_statement_time"

    def __init__(self, box: Box) -> None:
        self.box = box
        self.first, self.second = (self._started(port) for _, port in self.places)
        self.nearest = self.first.host

    def _started(self, port: int) -> MariaDB:
        server = MariaDB(self.box, port=port)
        server.start()
        server.execute(f"CREATE DATABASE mail; USE mail; {_TABLES}")
        server.execute("CREATE USER authd IDENTIFIED BY 'secret'; GRANT SELECT ON mail.* TO authd")
        return server

    def host(self, place: Place) -> str:
        """Name what is at a place as the options of a backend do."""
        return f"{place[0]}:{place[1]}"

    def backend(self, *hosts: str, **options: object) -> LoopBackend:
        return loop_backend("mysql", {"hosts": list(hosts), **_SQL, **options})

    def logins(self, server: Any) -> int:
        """Count alice's at one of the two, by its log, which may begin anew with each start."""
        count: int = server.general_log.count("SELECT password FROM users WHERE login = 'alice'")
        return count

    def connections_made(self) -> int:
        """Count those to the first, by its log."""
        return self.first.general_log.count("Connect\tauthd@")

    def open_connections(self) -> int:
        return int(self.first.execute(f"SELECT COUNT(*) {self._OURS}"))

    def queries_under_way(self) -> int:
        return int(self.first.execute(f"SELECT COUNT(*) {self._OURS} AND info IS NOT NULL"))

    def kill_connections(self) -> None:
        kill = self.first.execute(f"SELECT CONCAT('KILL ', id, ';') {self._OURS}")
        self.box.run([*self.first.client, "--force"], input=kill, expect=None)  # some may have ended by themselves

    @contextmanager
    def few_connections(self, most: int = 3) -> Iterator[str]:
        """Let authd have no more at once; gives the host."""
        self.first.execute(f"ALTER USER authd WITH MAX_USER_CONNECTIONS {most}")
        yield self.host(self.places[0])
        self.first.execute("ALTER USER authd WITH MAX_USER_CONNECTIONS 0")

    @contextmanager
    def no_connection_left(self) -> Iterator[None]:
        account = {"user": "authd", "password": "secret", "database": "mail"}
        with self.few_connections(1), closing(pymysql.connect(unix_socket=self.first.host, **account)):
            yield

    _OURS = "FROM information_schema.processlist WHERE user = 'authd'"


class PostgresqlSite:
    """PostgreSQL."""

    places: tuple[Place, Place] = (("127.0.0.1", 5432), ("127.0.0.1", 5433))
    none_left = "remaining connection slots are reserved"
    endless_query = "SELECT password FROM users WHERE login = :login AND pg_sleep(60) IS NOT NULL"
    query_is_ended = "statement timeout"

    def __init__(self, box: Box) -> None:
        self.box = box
        self.first, self.second = (self._started(port) for _, port in self.places)
        self.nearest = self.first.host

    def _started(self, port: int) -> PostgreSQL:
        server = PostgreSQL(self.box, port=port)
        server.start()
        server.execute("CREATE ROLE authd LOGIN PASSWORD 'secret'; CREATE DATABASE mail")
        server.execute(f"{_TABLES} GRANT SELECT ON users TO authd", "mail")
        return server

    def host(self, place: Place) -> str:
        return f"{place[0]}:{place[1]}"

    def backend(self, *hosts: str, **options: object) -> LoopBackend:
        return loop_backend("postgresql", {"hosts": list(hosts), **_SQL, **options})

    def logins(self, server: Any) -> int:
        count: int = server.log.count("execute <unnamed>: SELECT password FROM users WHERE login")
        return count

    def connections_made(self) -> int:
        return self.first.log.count("connection authorized: user=authd")

    def open_connections(self) -> int:
        return int(self.first.execute(f"SELECT count(*) {self._OURS}"))

    def queries_under_way(self) -> int:
        return int(self.first.execute(f"SELECT count(*) {self._OURS} AND state = 'active'"))

    def kill_connections(self) -> None:
        """End those that are not new: a login on a new one would rightly notice."""
        age = "backend_start < clock_timestamp() - interval '0.2 s'"
        self.first.execute(f"SELECT pg_terminate_backend(pid) {self._OURS} AND {age}")

    @contextmanager
    def few_connections(self) -> Iterator[str]:
        self.first.execute("ALTER ROLE authd CONNECTION LIMIT 3")
        yield self.host(self.places[0])
        self.first.execute("ALTER ROLE authd CONNECTION LIMIT -1")

    @contextmanager
    def no_connection_left(self) -> Iterator[None]:
        place = f"host={self.first.host} port={self.first.port} user=authd password=secret dbname=mail"
        with ExitStack() as hogs:
            with suppress(psycopg.OperationalError):
                while True:
                    hogs.enter_context(psycopg.connect(place))
            yield

    _OURS = "FROM pg_stat_activity WHERE usename = 'authd'"


SqlSite = MysqlSite | PostgresqlSite
Site = SqlSite | LdapSite
KINDS: dict[str, type[Site]] = {"mysql": MysqlSite, "postgresql": PostgresqlSite, "ldap": LdapSite}
