"""A chain of sasldb, LDAP and MySQL, any one of which is out: its users wait, the others' come in."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.sasl import DATABASE, set_password
from tests.servers.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd, person

PACKAGES = ("sasl2-bin", "slapd", "ldap-utils", "mariadb-server")
REALM = "example.org"
TABLES = """
CREATE DATABASE mail;
CREATE TABLE mail.users (login VARCHAR(100) PRIMARY KEY, password VARCHAR(255));
INSERT INTO mail.users VALUES ('in-mysql', '{PLAIN}secret');
CREATE USER authd;
GRANT SELECT ON mail.* TO authd;
"""
USERS = ("in-sasldb", "in-ldap", "in-mysql")


class Stores(NamedTuple):
    authd: Authd
    slapd: Slapd
    mariadb: MariaDB

    def answers(self) -> dict[str, bytes]:
        return {user: self.ask(user, "secret") for user in USERS}

    def ask(self, user: str, password: str) -> bytes:
        return ask(self.authd.box.path(SOCKET), user, password, realm=REALM)

    def move_sasldb(self, source: str, target: str) -> None:
        self.authd.box.run(["mv", source, target])


@pytest.fixture(scope="module")
def stores(box: Box) -> Iterator[Stores]:
    slapd, mariadb = Slapd(box, person("in-ldap", "secret")), MariaDB(box)
    slapd.start()
    mariadb.start()
    mariadb.execute(TABLES)
    authd = Authd(
        box,
        f"""
[[listeners]]
path = "{SOCKET}"

[cache]
enabled = false

[backends.sasldb]
type = "sasldb"

[backends.ldap]
type = "ldap"
uris = ["{slapd.uri}"]
bind_dn = "{SERVICE}"
password = "{SERVICE_PASSWORD}"
base = "{PEOPLE}"

[backends.mysql]
type = "mysql"
hosts = ["{mariadb.socket}"]
user = "authd"
database = "mail"
query = "SELECT password FROM users WHERE login = :login"
""",
    )
    set_password(box, "in-sasldb", REALM, "secret")
    authd.start()
    yield Stores(authd, slapd, mariadb)
    assert authd.stop() == 0
    slapd.stop()
    mariadb.stop()


OUTAGES: dict[str, tuple[Callable[[Stores], None], Callable[[Stores], None]]] = {
    "in-sasldb": (
        lambda stores: stores.move_sasldb(DATABASE, f"{DATABASE}.away"),
        lambda stores: stores.move_sasldb(f"{DATABASE}.away", DATABASE),
    ),
    "in-ldap": (lambda stores: stores.slapd.stop(), lambda stores: stores.slapd.start()),
    "in-mysql": (lambda stores: stores.mariadb.stop(), lambda stores: stores.mariadb.start()),
}


@pytest.mark.parametrize("out", OUTAGES)
def test_one_that_is_out_takes_nobody_else_with_it(stores: Stores, out: str) -> None:
    take_away, bring_back = OUTAGES[out]
    assert stores.answers() == dict.fromkeys(USERS, OK)
    assert stores.ask("mallory", "secret") == NO

    take_away(stores)
    assert stores.answers() == dict.fromkeys(USERS, OK) | {out: TEMPORARY_FAILURE}
    assert stores.ask("mallory", "secret") == TEMPORARY_FAILURE  # he might be one of those who are out

    bring_back(stores)
    wait_until(lambda: stores.answers() == dict.fromkeys(USERS, OK), f"{out}: everybody")
    assert stores.ask("mallory", "secret") == NO
