"""The ready queries on tables as the projects make them, on each kind of server that a project supports.

Of each table here are the columns that a query touches, with their types, defaults and character sets.
"""

import base64
import hashlib
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from authd_backends import Outcome, Request, Secret, Verdict
from authd_backends.hashes.libcrypt import hashed
from authd_backends.sql.schemas import Dialect, schemas
from authd_backends.sql.sqlite import SqliteBackend, SqliteOptions
from tests.servers import mariadb, postgresql
from tests.servers.asking import Ask, asking, loop_backend
from tests.servers.box import Box
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

PACKAGES = (*mariadb.PACKAGES, *postgresql.PACKAGES)

SHA512 = hashed(b"secret", "$6$rounds=1000$saltsalt")
BCRYPT = hashed(b"secret", "$2y$04$abcdefghijklmnopqrstuu")
PHONE = hashed(b"of the phone", "$2y$04$abcdefghijklmnopqrstuu")
SSHA = "{SSHA512}" + base64.b64encode(hashlib.sha512(b"secretsalt").digest() + b"salt").decode()

TYPES: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.MYSQL: {
        "latin1": "CHARACTER SET latin1 COLLATE latin1_general_ci",
        "time": "datetime",
        "id": "int NOT NULL AUTO_INCREMENT PRIMARY KEY",
        "true": "1",
        "false": "0",
    },
    Dialect.POSTGRESQL: {
        "latin1": "",
        "time": "timestamp with time zone",
        "id": "serial PRIMARY KEY",
        "true": "true",
        "false": "false",
    },
    Dialect.SQLITE: {
        "latin1": "",
        "time": "datetime",
        "id": "integer PRIMARY KEY AUTOINCREMENT",
        "true": "1",
        "false": "0",
    },
}


class Login(NamedTuple):
    user: str
    outcome: Outcome
    canonical: str = ""
    realm: str = ""
    service: str = "smtp"
    password: str = "secret"


class Schema(NamedTuple):
    """A project's tables, and what becomes of logins; `{latin1}` and the like stand for the server's own words."""

    name: str
    tables: str
    logins: tuple[Login, ...]


ALICE, BOB = "alice@example.org", "bob@example.org"
EVERYWHERE = (
    Login(ALICE, Outcome.ACCEPTED, ALICE),
    Login(ALICE, Outcome.WRONG_PASSWORD, ALICE, password="guess"),
    Login("alice", Outcome.ACCEPTED, ALICE, realm="example.org"),
    Login("Alice", Outcome.ACCEPTED, ALICE, realm="Example.ORG", service="imap"),
    Login(ALICE, Outcome.ACCEPTED, ALICE, realm="example.org"),
    Login("alice", Outcome.UNKNOWN_USER),
    Login("alice", Outcome.UNKNOWN_USER, realm="example.net"),
    Login("@example.org", Outcome.UNKNOWN_USER),
    Login("%", Outcome.UNKNOWN_USER, realm="example.org"),
    Login("снег", Outcome.UNKNOWN_USER, realm="example.org"),
    Login("\N{SNOWMAN}@example.org", Outcome.UNKNOWN_USER),
    Login(ALICE, Outcome.ACCEPTED, ALICE, service=""),
)

# PostfixAdmin 3.3.13 and 4.0.1, public/upgrade.php
_POSTFIXADMIN = """
CREATE TABLE domain (domain varchar(255) {latin1} NOT NULL PRIMARY KEY, password_expiry int DEFAULT 0,
  active boolean NOT NULL DEFAULT {true});
CREATE TABLE mailbox (username varchar(255) {latin1} NOT NULL PRIMARY KEY, password varchar(255) {latin1} NOT NULL,
  domain varchar(255) {latin1} NOT NULL, password_expiry {time} NOT NULL DEFAULT '2000-01-01 00:00:00',
  active boolean NOT NULL DEFAULT {true}%(smtp_active)s);
INSERT INTO domain VALUES ('example.org', 0, {true}), ('closed.example', 0, {false}), ('expiring.example', 365, {true});
INSERT INTO mailbox (username, password, domain) VALUES ('alice@example.org', '$SHA512', 'example.org'),
  ('bob@closed.example', '$SHA512', 'closed.example'),
  ('dave@expiring.example', '{{BLF-CRYPT}}$BCRYPT', 'expiring.example'),
  ('erin@example.org', '{{SHA512-CRYPT}}$SHA512', 'example.org');
INSERT INTO mailbox (username, password, domain, active)
  VALUES ('carol@example.org', '$SHA512', 'example.org', {false});
INSERT INTO mailbox (username, password, domain, password_expiry)
  VALUES ('frank@expiring.example', '$SHA512', 'expiring.example', '2999-01-01 00:00:00');
"""
_APP_PASSWORDS = """
CREATE TABLE mailbox_app_password (id {id}, username varchar(255) {latin1}, description varchar(255),
  password_hash varchar(255));
INSERT INTO mailbox_app_password (username, password_hash) VALUES ('alice@example.org', '$PHONE'),
  ('carol@example.org', '$PHONE');
INSERT INTO mailbox (username, password, domain, smtp_active)
  VALUES ('grace@example.org', '$SHA512', 'example.org', {false});
"""
_POSTFIXADMIN_3 = _POSTFIXADMIN % {"smtp_active": ""}
_POSTFIXADMIN_4 = _POSTFIXADMIN % {"smtp_active": ", smtp_active boolean NOT NULL DEFAULT {true}"} + _APP_PASSWORDS
_OF_POSTFIXADMIN = (
    *EVERYWHERE,
    Login("bob@closed.example", Outcome.DISABLED, "bob@closed.example"),
    Login("carol@example.org", Outcome.DISABLED, "carol@example.org"),
    Login("erin@example.org", Outcome.ACCEPTED, "erin@example.org"),
    Login("frank@expiring.example", Outcome.ACCEPTED, "frank@expiring.example"),
)
_DAVE = "dave@expiring.example"
_OF_POSTFIXADMIN_4 = (
    Login(ALICE, Outcome.ACCEPTED, ALICE, password="of the phone"),
    Login("carol@example.org", Outcome.DISABLED, "carol@example.org", password="of the phone"),
    Login("grace@example.org", Outcome.DISABLED, "grace@example.org"),
    Login("grace@example.org", Outcome.ACCEPTED, "grace@example.org", service="imap"),
)

# workaround.org's ISPmail guide for bookworm, and Linode's guide
_VIRTUAL_USERS = """
CREATE TABLE virtual_domains (id {id}, name varchar(50) NOT NULL);
CREATE TABLE virtual_users (id {id}, domain_id int NOT NULL REFERENCES virtual_domains (id),
  email varchar(100) NOT NULL UNIQUE, password varchar(150) NOT NULL, quota bigint NOT NULL DEFAULT 0);
INSERT INTO virtual_domains (name) VALUES ('example.org');
INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'alice@example.org', '{{BLF-CRYPT}}$BCRYPT'),
  (1, 'bob@example.org', '$SHA512');
"""

# vexim2, setup/mysql.sql and setup/pgsql.sql of 2026-06
_VEXIM = """
CREATE TABLE domains (domain_id {id}, domain varchar(255) NOT NULL UNIQUE, enabled smallint NOT NULL DEFAULT 1);
CREATE TABLE users (user_id {id}, domain_id int NOT NULL, localpart varchar(64) NOT NULL,
  username varchar(255) NOT NULL, crypt varchar(255), type varchar(8) NOT NULL DEFAULT 'local',
  enabled smallint NOT NULL DEFAULT 1, UNIQUE (localpart, domain_id));
INSERT INTO domains (domain, enabled) VALUES ('example.org', 1), ('closed.example', 0);
INSERT INTO users (domain_id, localpart, username, crypt, type, enabled) VALUES
  (1, 'alice', 'alice@example.org', '$SHA512', 'local', 1), (1, 'bob', 'bob@example.org', '$SHA512', 'local', 0),
  (2, 'carol', 'carol@closed.example', '$SHA512', 'local', 1), (1, 'dave', 'dave@example.org', '*', 'alias', 1),
  (1, '*', '*@example.org', NULL, 'catch', 1), (1, 'siteadmin', 'siteadmin', '$SHA512', 'site', 1);
"""

# ISPConfig 3.2, install/sql/ispconfig3.sql
_FLAGS = ("imap", "pop3", "smtp", "sieve")
_ISPCONFIG = f"""
CREATE TABLE mail_domain (domain_id {{id}}, domain varchar(255) NOT NULL DEFAULT '',
  active enum('n','y') NOT NULL DEFAULT 'n', KEY (domain, active)) DEFAULT CHARSET=utf8;
CREATE TABLE mail_user (mailuser_id {{id}}, email varchar(255) NOT NULL DEFAULT '',
  login varchar(255) NOT NULL DEFAULT '', password varchar(255) NOT NULL DEFAULT '',
  postfix enum('n','y') NOT NULL DEFAULT 'y',
  {", ".join(f"disable{flag} enum('n','y') NOT NULL DEFAULT 'n'" for flag in _FLAGS)}) DEFAULT CHARSET=utf8;
INSERT INTO mail_domain (domain, active) VALUES ('example.org', 'y'), ('closed.example', 'n');
INSERT INTO mail_user (email, login, password) VALUES ('alice@example.org', 'alice@example.org', '$SHA512'),
  ('carol@closed.example', 'carol@closed.example', '$SHA512'), ('dave@example.org', 'dave1', '$SHA512'),
  ('mallory@example.org', 'dave@example.org', '$PHONE');
INSERT INTO mail_user (email, login, password, disablesmtp)
  VALUES ('bob@example.org', 'bob@example.org', '$BCRYPT', 'y');
"""

# mailcow: dockerized, data/web/inc/init_db.inc.php of 2026-08
_APP_FLAGS = ("imap_access", "smtp_access", "pop3_access", "sieve_access", "dav_access", "eas_access")
_MAILCOW = f"""
CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY, active tinyint(1) NOT NULL DEFAULT 1) CHARSET=utf8mb4;
CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL,
  domain varchar(255) NOT NULL, attributes JSON, kind varchar(100) NOT NULL DEFAULT '',
  authsource enum('mailcow', 'keycloak', 'generic-oidc', 'ldap') DEFAULT 'mailcow',
  active tinyint(1) NOT NULL DEFAULT 1) CHARSET=utf8mb4;
CREATE TABLE app_passwd (id {{id}}, mailbox varchar(255) NOT NULL, password varchar(255) NOT NULL,
  {", ".join(f"{flag} tinyint(1) NOT NULL DEFAULT 1" for flag in _APP_FLAGS)},
  active tinyint(1) NOT NULL DEFAULT 1) CHARSET=utf8mb4;
INSERT INTO domain (domain, active) VALUES ('example.org', 1), ('closed.example', 0);
INSERT INTO mailbox (username, password, domain, attributes) VALUES
  ('alice@example.org', '{{{{BLF-CRYPT}}}}$BCRYPT', 'example.org', '{{{{"smtp_access": "1", "imap_access": "1"}}}}'),
  ('bob@example.org', '{{{{SSHA512}}}}$SSHA', 'example.org', '{{{{"smtp_access": "0", "imap_access": "1"}}}}'),
  ('carol@closed.example', '{{{{BLF-CRYPT}}}}$BCRYPT', 'closed.example', NULL);
INSERT INTO mailbox (username, password, domain, authsource) VALUES
  ('dave@example.org', '{{{{BLF-CRYPT}}}}$BCRYPT', 'example.org', 'ldap'),
  ('erin@example.org', '{{{{BLF-CRYPT}}}}$BCRYPT', 'example.org', 'keycloak');
INSERT INTO mailbox (username, password, domain, kind) VALUES
  ('room@example.org', '{{{{BLF-CRYPT}}}}$BCRYPT', 'example.org', 'location');
INSERT INTO app_passwd (mailbox, password, smtp_access) VALUES
  ('alice@example.org', '{{{{BLF-CRYPT}}}}$PHONE', 0), ('dave@example.org', '{{{{BLF-CRYPT}}}}$PHONE', 1);
"""

# Modoboa 2.9, the models of core and admin
_MODOBOA = """
CREATE TABLE core_user (id {id}, email varchar(254) NOT NULL, password varchar(256) NOT NULL,
  is_active boolean NOT NULL);
CREATE TABLE admin_domain (id {id}, name varchar(100) NOT NULL UNIQUE, enabled boolean NOT NULL);
CREATE TABLE admin_mailbox (id {id}, user_id int NOT NULL, domain_id int NOT NULL, address varchar(252) NOT NULL,
  is_send_only boolean NOT NULL);
INSERT INTO admin_domain (name, enabled) VALUES ('example.org', {true}), ('closed.example', {false});
INSERT INTO core_user (email, password, is_active) VALUES ('alice@example.org', '{{SHA512-CRYPT}}$SHA512', {true}),
  ('bob@example.org', '{{BLF-CRYPT}}$BCRYPT', {false}), ('carol@closed.example', '{{SHA512-CRYPT}}$SHA512', {true}),
  ('dave@example.org', '{{PLAIN}}secret', {true}), ('admin', '{{PLAIN}}secret', {true});
INSERT INTO admin_mailbox (user_id, domain_id, address, is_send_only) VALUES (1, 1, 'alice', {false}),
  (2, 1, 'bob', {false}), (3, 2, 'carol', {false}), (4, 1, 'dave', {true});
"""

# iRedMail 1.7, samples/iredmail/iredmail.mysql and iredmail.pgsql
_SECURED = ("smtp", "smtpsecured", "imap", "imapsecured", "pop3", "pop3secured", "sieve", "sievesecured")
_IREDMAIL = f"""
CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY, backupmx smallint NOT NULL DEFAULT 0,
  active smallint NOT NULL DEFAULT 1);
CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL DEFAULT '',
  domain varchar(255) NOT NULL DEFAULT '',
  {", ".join(f"enable{flag} smallint NOT NULL DEFAULT 1" for flag in _SECURED)},
  allow_nets text DEFAULT NULL, expired {{time}} NOT NULL DEFAULT '9999-12-31 00:00:00',
  active smallint NOT NULL DEFAULT 1);
INSERT INTO domain (domain, active) VALUES ('example.org', 1), ('closed.example', 0);
INSERT INTO mailbox (username, password, domain) VALUES ('alice@example.org', '{{{{SSHA512}}}}$SSHA', 'example.org'),
  ('carol@closed.example', '{{{{SSHA512}}}}$SSHA', 'closed.example');
INSERT INTO mailbox (username, password, domain, enablesmtpsecured)
  VALUES ('bob@example.org', '{{{{BLF-CRYPT}}}}$BCRYPT', 'example.org', 0);
INSERT INTO mailbox (username, password, domain, allow_nets)
  VALUES ('dave@example.org', '$SHA512', 'example.org', '192.0.2.0/24');
INSERT INTO mailbox (username, password, domain, expired)
  VALUES ('erin@example.org', '$SHA512', 'example.org', '2020-01-01 00:00:00');
"""

# Froxlor 2.1, install/froxlor.sql.php
_FROXLOR = """
CREATE TABLE mail_users (id {id}, email varchar(255) NOT NULL DEFAULT '' UNIQUE,
  username varchar(255) NOT NULL DEFAULT '', password varchar(255) NOT NULL DEFAULT '',
  password_enc varchar(255) NOT NULL DEFAULT '',
  postfix enum('Y','N') NOT NULL DEFAULT 'Y', pop3 tinyint(1) NOT NULL DEFAULT 1, imap tinyint(1) NOT NULL DEFAULT 1
) CHARSET=utf8 COLLATE=utf8_general_ci;
INSERT INTO mail_users (email, username, password_enc, postfix, imap) VALUES
  ('alice@example.org', 'alice@example.org', '$BCRYPT', 'Y', 1),
  ('bob@example.org', 'bob@example.org', '$BCRYPT', 'N', 1),
  ('carol@example.org', 'carol@example.org', '$BCRYPT', 'Y', 0);
"""

_CLOSED = Login("carol@closed.example", Outcome.DISABLED, "carol@closed.example")
_NO_SMTP = (Login(BOB, Outcome.DISABLED, BOB), Login(BOB, Outcome.ACCEPTED, BOB, service="imap"))

_STAYING, _EXPIRED = Login(_DAVE, Outcome.ACCEPTED, _DAVE), Login(_DAVE, Outcome.EXPIRED, _DAVE)

SCHEMAS = (
    Schema("postfixadmin", _POSTFIXADMIN_3, (*_OF_POSTFIXADMIN, _STAYING)),
    Schema("postfixadmin-expiring", _POSTFIXADMIN_3, (*_OF_POSTFIXADMIN, _EXPIRED)),
    Schema("postfixadmin-4", _POSTFIXADMIN_4, (*_OF_POSTFIXADMIN, *_OF_POSTFIXADMIN_4, _STAYING)),
    Schema("postfixadmin-4-expiring", _POSTFIXADMIN_4, (*_OF_POSTFIXADMIN, *_OF_POSTFIXADMIN_4, _EXPIRED)),
    Schema("virtual-users", _VIRTUAL_USERS, (*EVERYWHERE, Login(BOB, Outcome.ACCEPTED, BOB))),
    Schema(
        "vexim",
        _VEXIM,
        (
            *EVERYWHERE,
            _CLOSED,
            Login(BOB, Outcome.DISABLED, BOB),
            Login("dave@example.org", Outcome.DISABLED, "dave@example.org"),
            Login("siteadmin", Outcome.UNKNOWN_USER),
            Login("*@example.org", Outcome.UNKNOWN_USER),
        ),
    ),
    Schema(
        "ispconfig",
        _ISPCONFIG,
        (
            *EVERYWHERE,
            *_NO_SMTP,
            _CLOSED,
            Login("dave1", Outcome.ACCEPTED, "dave@example.org"),
            Login("dave@example.org", Outcome.WRONG_PASSWORD, "dave@example.org", password="of the phone"),
        ),
    ),
    Schema(
        "mailcow",
        _MAILCOW,
        (
            *EVERYWHERE,
            *_NO_SMTP,
            _CLOSED,
            Login(ALICE, Outcome.WRONG_PASSWORD, ALICE, password="of the phone"),
            Login(ALICE, Outcome.ACCEPTED, ALICE, password="of the phone", service="imap"),
            Login(ALICE, Outcome.ACCEPTED, ALICE, password="of the phone", service="pop"),
            Login(ALICE, Outcome.WRONG_PASSWORD, ALICE, password="of the phone", service="ldap"),
            Login("dave@example.org", Outcome.ACCEPTED, "dave@example.org", password="of the phone"),
            Login("dave@example.org", Outcome.WRONG_PASSWORD, "dave@example.org"),
            Login("erin@example.org", Outcome.UNKNOWN_USER),
            Login("room@example.org", Outcome.UNKNOWN_USER),
        ),
    ),
    Schema(
        "modoboa",
        _MODOBOA,
        (
            *EVERYWHERE,
            _CLOSED,
            Login(BOB, Outcome.DISABLED, BOB),
            Login("dave@example.org", Outcome.ACCEPTED, "dave@example.org"),
            Login("dave@example.org", Outcome.DISABLED, "dave@example.org", service="imap"),
            Login("admin", Outcome.UNKNOWN_USER),
        ),
    ),
    Schema(
        "iredmail",
        _IREDMAIL,
        (
            *EVERYWHERE,
            *_NO_SMTP,
            _CLOSED,
            Login("dave@example.org", Outcome.DISABLED, "dave@example.org"),
            Login("erin@example.org", Outcome.EXPIRED, "erin@example.org"),
        ),
    ),
    Schema(
        "froxlor",
        _FROXLOR,
        (
            *(login for login in EVERYWHERE if login.service != ""),
            *_NO_SMTP,
            Login("carol@example.org", Outcome.ACCEPTED, "carol@example.org"),
            Login("carol@example.org", Outcome.DISABLED, "carol@example.org", service="imap"),
        ),
    ),
)


def tables(schema: Schema, dialect: Dialect) -> str:
    text = schema.tables.format(**TYPES[dialect])
    values = {"$SHA512": SHA512, "$BCRYPT": BCRYPT, "$PHONE": PHONE, "{SSHA512}$SSHA": SSHA}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


DOCUMENT = (Path(__file__).parents[2] / "docs" / "sql-schemas.md").read_text()


def documented(schema: str) -> tuple[list[str], list[str]]:
    """Give the servers and the tables that the document names."""
    ((servers, names),) = re.findall(rf"^\| `{schema}` \|.*\| (.*) \| (.*) \|$", DOCUMENT, re.MULTILINE)
    return servers.split(", "), names.split(", ")


def supported(dialect: Dialect) -> list[Schema]:
    return [schema for schema in SCHEMAS if schema.name in schemas(dialect)]


def check_logins(schema: Schema, ask: Ask) -> None:
    for login in schema.logins:
        verdict = ask(login.user, login.password, realm=login.realm, service=login.service)
        assert (verdict.outcome, verdict.user) == (login.outcome, login.canonical), f"{login}: {verdict.reason}"


def test_every_schema_is_tried() -> None:
    known = {name for dialect in Dialect for name in schemas(dialect)}

    assert known == {schema.name for schema in SCHEMAS}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_the_document_names_the_servers_of_each(schema: Schema) -> None:
    servers, _ = documented(schema.name)

    assert servers == [dialect.value for dialect in Dialect if schema.name in schemas(dialect)]


def test_the_configuration_in_the_document_is_one() -> None:
    (written,) = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    table = tomllib.loads(written)["backends"]["mail"]

    loop_backend(table.pop("type"), table).close()


def test_the_document_shows_how_to_see_a_query() -> None:
    (command,) = re.findall(r"^```sh\n(.*)\n```$", DOCUMENT, re.MULTILINE)
    _, _, code = shlex.split(command)

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.startswith("SELECT m.username AS user, m.password")


@pytest.fixture(scope="module")
def maria(box: Box) -> Iterator[MariaDB]:
    server = MariaDB(box)
    server.start()
    server.execute("CREATE USER authd")
    yield server
    server.stop()


@pytest.mark.parametrize("schema", supported(Dialect.MYSQL), ids=lambda schema: schema.name)
def test_on_mariadb(maria: MariaDB, schema: Schema) -> None:
    database = schema.name.replace("-", "_")
    maria.execute(f"CREATE DATABASE {database}; USE {database}; {tables(schema, Dialect.MYSQL)}")
    maria.execute("".join(f"GRANT SELECT ON {database}.{table} TO authd;" for table in documented(schema.name)[1]))

    options = {"hosts": [maria.host], "user": "authd", "database": database, "schema": schema.name}
    with asking(maria.box, "mysql", options) as ask:
        check_logins(schema, ask)


@pytest.fixture(scope="module")
def postgres(box: Box) -> Iterator[PostgreSQL]:
    server = PostgreSQL(box)
    server.start()
    server.execute("CREATE ROLE authd LOGIN PASSWORD 'secret'")
    yield server
    server.stop()


@pytest.mark.parametrize("schema", supported(Dialect.POSTGRESQL), ids=lambda schema: schema.name)
def test_on_postgresql(postgres: PostgreSQL, schema: Schema) -> None:
    database = schema.name.replace("-", "_")
    postgres.execute(f"CREATE DATABASE {database}")
    postgres.execute(tables(schema, Dialect.POSTGRESQL), database)
    postgres.execute(f"GRANT SELECT ON {', '.join(documented(schema.name)[1])} TO authd", database)
    place = {"hosts": [postgres.host], "user": "authd", "password": "secret", "database": database}
    with asking(postgres.box, "postgresql", {**place, "schema": schema.name}) as ask:
        check_logins(schema, ask)


@pytest.mark.parametrize("schema", supported(Dialect.SQLITE), ids=lambda schema: schema.name)
def test_on_sqlite(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "users.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(tables(schema, Dialect.SQLITE))

    backend = SqliteBackend(SqliteOptions(path=path, schema=schema.name))
    backend.start()

    def ask(user: str, password: str, **others: Any) -> Verdict:
        return backend.check(Request(user, Secret(password.encode()), **others))

    check_logins(schema, ask)
