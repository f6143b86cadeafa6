"""docs/postgresql.md as written: authd on the Unix socket without a password, and over TLS with one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from authd_backends import Outcome
from authd_backends.hashes.libcrypt import hashed
from tests.servers.asking import asking
from tests.servers.authd import CONFIGURATION, SOCKET, Authd
from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.postgresql import PACKAGES as PACKAGES
from tests.servers.postgresql import PostgreSQL

DOCUMENT = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
DEBIAN = "local all all peer"
BCRYPT = hashed(b"secret", "$2y$04$abcdefghijklmnopqrstuu")
TABLE = f"""
CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255), active boolean);
INSERT INTO mailbox VALUES ('alice@example.org', '{BCRYPT}', true), ('bob@example.org', '{BCRYPT}', false);
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    authority = Authority(tmp_path_factory.getbasetemp())
    made = authority.issue("localhost")
    server = PostgreSQL(box)
    server.use_certificate(*(path.read_text() for path in (*made, authority.file)))
    assert f"`{DEBIAN}`" in DOCUMENT
    (access,) = re.findall(r"^# pg_hba\.conf\n(.*)\n```$", DOCUMENT, re.MULTILINE)
    server.allow(f"{DEBIAN}\n{access.replace('192.0.2.10/32', '127.0.0.1/32')}")
    server.start()
    server.execute("CREATE DATABASE mail")
    for statements in (TABLE, *blocks("sql")):
        server.execute(statements, "mail")
    box.run(["ln", "-s", server.sockets, "/run/postgresql"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def authd(server: PostgreSQL) -> Iterator[Authd]:
    authd = Authd(server.box, blocks("toml")[0])
    assert f"# {CONFIGURATION}\n" in blocks("toml")[0]
    authd.start()
    yield authd
    assert authd.stop() == 0


def test_the_system_s_user_needs_no_password(authd: Authd) -> None:
    def told(user: str, password: str) -> bytes:
        return ask(authd.box.path(SOCKET), user, password, realm="example.org")

    assert told("alice", "secret") == OK
    assert told("ALICE", "secret") == OK
    assert told("alice", "guess") == NO
    assert told("bob", "secret") == NO
    assert told("mallory", "secret") == NO
    authd.process.wait_for_output("outcome=disabled user=bob")


def test_a_server_that_is_out_is_an_outage(authd: Authd, server: PostgreSQL) -> None:
    server.stop()
    assert ask(authd.box.path(SOCKET), "alice", "another guess", realm="example.org") == TEMPORARY_FAILURE
    server.start()


def test_over_the_network_the_certificate_is_verified(
    server: PostgreSQL, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (password,) = re.findall(r"PASSWORD '(.*)'", DOCUMENT)
    file = tmp_path / "password"
    file.write_text(f"{password}\n")
    trusted = tmp_path_factory.getbasetemp() / "authority.pem"
    options = {"hosts": ["localhost"], "password_file": str(file), "ca_file": str(trusted)}
    assert [key for key in options if f"\n{key} = " not in blocks("toml")[1] and key != "hosts"] == []
    query = "SELECT password FROM mailbox WHERE username = lower(:login)"
    with asking(server.box, "postgresql", {**options, "user": "authd", "database": "mail", "query": query}) as ask_it:
        assert ask_it("alice@example.org").outcome is Outcome.ACCEPTED
