"""docs/mysql.md as written: authd and a saslauthd with pam_mysql on the same table."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from authd_backends import Outcome
from authd_backends.hashes.libcrypt import hashed
from tests.servers.asking import asking
from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.mariadb import MariaDB
from tests.servers.saslauthd import Saslauthd

PACKAGES = ("mariadb-server", "libpam-mysql", "libpam-modules", "sasl2-bin")

DOCUMENT = (Path(__file__).parents[2] / "docs" / "mysql.md").read_text()
SOCKET_OF_MYSQL = "/run/mysqld/mysqld.sock"
PASSWORD = "a-long-password"
BCRYPT = hashed(b"secret", "$2y$04$abcdefghijklmnopqrstuu")
TABLES = f"""
CREATE DATABASE mail;
CREATE TABLE mail.mailbox (username VARCHAR(100) PRIMARY KEY, password VARCHAR(255), active INT);
INSERT INTO mail.mailbox VALUES ('alice@example.org', '{BCRYPT}', 1), ('bob@example.org', '{BCRYPT}', 0);
"""


class Service(NamedTuple):
    """A value of pam_mysql's `crypt`, what its table holds for "secret", and what the document makes of it."""

    crypt: str
    stored: str
    default_scheme: str


SERVICES = (
    Service("0", "secret", "PLAIN"),
    Service("1", BCRYPT, ""),
    Service("1", hashed(b"secret", "$1$saltsalt"), ""),
    Service("2", "*" + hashlib.sha1(hashlib.sha1(b"secret").digest()).hexdigest().upper(), ""),
    Service("3", hashlib.md5(b"secret").hexdigest(), "PLAIN-MD5"),
    Service("4", hashlib.sha1(b"secret").hexdigest(), "SHA"),
    Service("7", b64encode(hashlib.sha1(b"secretsalt").digest() + b"salt").decode(), "SSHA"),
    Service("8", hashlib.sha512(b"secret").hexdigest(), "SHA512"),
    Service("9", hashlib.sha256(b"secret").hexdigest(), "SHA256"),
)


def files() -> dict[str, str]:
    """Give the document's blocks by the path that each begins with."""
    blocks = re.findall(r"^```\w*\n(# (/\S+)\n.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return {path: text for text, path in blocks}


@pytest.fixture(scope="module")
def server(box: Box) -> Iterator[MariaDB]:
    (account,) = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    server = MariaDB(box)
    server.start()
    server.execute(TABLES + account)
    box.make_directory(Path(SOCKET_OF_MYSQL).parent)
    box.run(["ln", "-s", server.socket, SOCKET_OF_MYSQL])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def authd(server: MariaDB) -> Iterator[Authd]:
    authd = Authd(server.box, files()[str(CONFIGURATION)])
    server.box.write("/etc/authd/mysql-password", f"{PASSWORD}\n", mode=0o600, owner="authd")
    authd.start()
    yield authd
    assert authd.stop() == 0


LOGINS = [
    ("alice", "secret", OK),
    ("alice", "guess", NO),
    ("bob", "secret", NO),
    ("mallory", "secret", NO),
    ("alice' OR '1'='1", "secret", NO),
]


def test_what_pam_mysql_answered_authd_answers(authd: Authd) -> None:
    told = [ask(authd.box.path(SOCKET), user, password, realm="example.org") for user, password, _ in LOGINS]
    assert told == [answer for *_, answer in LOGINS]
    authd.process.wait_for_output("outcome=disabled user=bob")
    authd.stop()

    authd.box.write("/etc/pam.d/smtp", files()["/etc/pam.d/smtp"])
    saslauthd = Saslauthd(authd.box, "pam", "-r")
    saslauthd.start()
    told = [ask(authd.box.path(SOCKET), user, password, realm="example.org")[2:4] for user, password, _ in LOGINS]
    saslauthd.stop()
    assert told == [answer[2:4] for *_, answer in LOGINS]
    authd.start()


def test_a_server_that_is_out_is_an_outage(authd: Authd, server: MariaDB) -> None:
    server.stop()
    assert ask(authd.box.path(SOCKET), "alice", "another guess", realm="example.org") == TEMPORARY_FAILURE
    server.start()


def test_each_crypt_of_pam_mysql_has_the_scheme_that_the_table_says(server: MariaDB, box: Box) -> None:
    rows = ", ".join(f"('user{number}', '{service.stored}', 1)" for number, service in enumerate(SERVICES))
    server.execute(f"INSERT INTO mail.mailbox VALUES {rows}")
    line = files()["/etc/pam.d/smtp"]
    for number, service in enumerate(SERVICES):
        box.write(f"/etc/pam.d/service{number}", line.replace("crypt=1", f"crypt={service.crypt}"))
    saslauthd = Saslauthd(box, "pam")
    saslauthd.start()
    try:
        for number in range(len(SERVICES)):
            told = [
                ask(box.path(SOCKET), f"user{number}", each, f"service{number}")[2:4] for each in ("secret", "guess")
            ]
            assert told == [b"OK", b"NO"], SERVICES[number]
    finally:
        saslauthd.stop()

    table = {"hosts": [server.host], "user": "authd", "password": PASSWORD, "database": "mail", "weak_schemes": True}
    query = "SELECT password FROM mailbox WHERE username = :login"
    for number, service in enumerate(SERVICES):
        scheme = {"default_scheme": service.default_scheme} if service.default_scheme else {}
        with asking(box, "mysql", {**table, "query": query, **scheme}) as ask_backend:
            assert ask_backend(f"user{number}").outcome is Outcome.ACCEPTED, service
            assert ask_backend(f"user{number}", "guess").outcome is Outcome.WRONG_PASSWORD, service
            assert f'"{service.default_scheme}"' in DOCUMENT or not service.default_scheme
