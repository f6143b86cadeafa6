"""Both daemons on the same tables of one MariaDB: C's through pam_mysql, over the same Unix socket."""

from collections.abc import Iterator
from contextlib import contextmanager

from authd_backends.hashes.libcrypt import hashed
from bench.contenders import FEW, Contenders
from bench.databases import PASSWORD
from tests.servers.mariadb import MariaDB

PLAIN, BCRYPT = "mysql-plain", "mysql-bcrypt"  # services: what is measured is the path, or the hash

_DATABASE = "bench"
_BACKEND = """
[backends.{service}]
type = "mysql"
hosts = ["{socket}"]
user = "authd"
database = "{database}"
query = "SELECT password FROM `{service}` WHERE login = :login"
default_scheme = "PLAIN"

[[routes]]
services = ["{service}"]
backends = ["{service}"]
"""
_PAM = """
auth required pam_mysql.so user=authd host={socket} db={database} table=`{service}` usercolumn=login \
passwdcolumn=password crypt={crypt}
account required pam_permit.so
"""


@contextmanager
def on_mysql(contenders: Contenders) -> Iterator[None]:
    """Run a MariaDB and both daemons, caches off, with users for both services."""
    server = MariaDB(contenders.box)
    server.configure({"general-log": "off"})
    server.start()
    stored = hashed(PASSWORD.encode(), "$2y$10$saltsaltsaltsaltsaltsu")
    _fill(server, PLAIN, [f"secret{number}" for number in range(FEW)])
    _fill(server, BCRYPT, [stored] * FEW)
    server.execute(f"CREATE USER authd; GRANT SELECT ON {_DATABASE}.* TO authd")
    names = {"socket": server.socket, "database": _DATABASE}
    for service, crypt in ((PLAIN, 0), (BCRYPT, 1)):
        contenders.box.write(f"/etc/pam.d/{service}", _PAM.format(service=service, crypt=crypt, **names))
    backends = "".join(_BACKEND.format(service=service, **names) for service in (PLAIN, BCRYPT))
    with contenders.authd_with(backends), contenders.saslauthd("pam"):
        yield
    server.stop()


def _fill(server: MariaDB, table: str, passwords: list[str]) -> None:
    rows = ", ".join(f"('user{number}', '{password}')" for number, password in enumerate(passwords))
    server.execute(
        f"CREATE DATABASE IF NOT EXISTS {_DATABASE}; USE {_DATABASE};"
        f"CREATE TABLE `{table}` (login VARCHAR(100) PRIMARY KEY, password VARCHAR(255));"
        f"INSERT INTO `{table}` VALUES {rows}"
    )
