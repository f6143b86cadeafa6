"""What a table of authd.toml may say of a database."""

import os
from pathlib import Path

import pytest

from authd_backends import OptionError, Secret, Unavailable
from authd_backends.options import build, written
from authd_backends.sql.mysql import PORT, MysqlOptions
from authd_backends.sql.options import (
    Server,
    check_readable,
    password_of,
    servers_of,
    statements_of,
    unprotected,
    uses_tls,
)
from authd_backends.sql.schemas import Dialect, schema_query

QUERY = "SELECT password FROM users WHERE login = :login"


def options(**others: object) -> MysqlOptions:
    table = {"hosts": ["db1"], "user": "authd", "database": "mail", "query": QUERY, **others}
    return build(MysqlOptions, {key: value for key, value in table.items() if value is not None})


@pytest.mark.parametrize(
    ("host", "server", "shown"),
    [
        ("db1", Server("db1", PORT), "db1:3306"),
        ("db2:3307", Server("db2", 3307), "db2:3307"),
        ("192.0.2.1", Server("192.0.2.1", PORT), "192.0.2.1:3306"),
        ("[2001:db8::1]:3307", Server("2001:db8::1", 3307), "[2001:db8::1]:3307"),
        ("/run/mysqld/mysqld.sock", Server(path="/run/mysqld/mysqld.sock"), "/run/mysqld/mysqld.sock"),
    ],
)
def test_hosts_are_names_with_ports_or_paths(host: str, server: Server, shown: str) -> None:
    assert servers_of([host], PORT) == (server,)
    assert str(server) == shown


@pytest.mark.parametrize(
    "host", ["db1:", "db1:0", "db1:65536", "db1:mysql", "a b", "2001:db8::1", "mysql://db1", "u@db1"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(OptionError, match="hosts: expected a host like"):
        options(hosts=[host])


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        ({"query": None}, "expected one of query, queries and schema, got none of them"),
        ({"schema": "postfixadmin"}, "got query and schema"),
        ({"hosts": ["db1", "db1:3306"]}, "hosts: expected each once"),
        ({"password": "x", "password_file": "/x"}, "password_file: expected no password beside it"),
        ({"key_file": "/x"}, "key_file: expected a cert_file beside it"),
        ({"tls": False, "ca_file": "/x"}, "ca_file: expected it only with TLS"),
        ({"cert_file": "/x"}, "cert_file: expected it only with TLS"),
        ({"default_scheme": "ROT13"}, "default_scheme: expected"),
        ({"query": "SELECT password FROM users WHERE login = :name"}, "query: expected :user, .*, got :name"),
        ({"query": None, "schema": "postfixadmln"}, "schema: expected one of postfixadmin, .*, got 'postfixadmln'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(others: dict[str, object], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        options(**others)


def test_a_certificate_to_trust_means_tls() -> None:
    assert not uses_tls(options())
    assert uses_tls(options(ca_file="/ca.pem"))
    assert uses_tls(options(tls=True))


def test_hashes_in_the_clear_are_told_unless_they_stay_on_the_machine() -> None:
    servers = servers_of(["/socket", "localhost", "127.0.0.1", "[::1]", "db1"], PORT)
    assert unprotected(options(), servers) == [Server("db1", PORT)]
    assert unprotected(options(tls=True), servers) == []


def test_the_password_file_is_read_without_its_line_s_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for content, password in ((b"a b \n", b"a b "), (b"secret\r\n", b"secret"), (b"secret", b"secret")):
        file.write_bytes(content)
        assert password_of(options(password_file=str(file))) == Secret(password)
    file.unlink()
    with pytest.raises(Unavailable, match="password: No such file"):
        password_of(options(password_file=str(file)))


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The password is read on the event loop: who waited there for a writer would keep all clients waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(Unavailable, match="pipe: expected a regular file"):
        password_of(options(password_file=str(pipe)))
    with pytest.raises(OptionError, match=r"ca_file: .*pipe: expected a regular file"):
        check_readable("ca_file", pipe)


def test_a_password_is_not_shown() -> None:
    made = options(password="of the account")
    assert "of the account" not in repr(made)
    assert "of the account" not in repr(written(made))


def test_a_schema_is_its_query() -> None:
    (made,) = statements_of(options(query=None, schema="virtual-users"), Dialect.MYSQL)
    assert made.text == schema_query("virtual-users", Dialect.MYSQL).replace("%", "%%").replace(
        ":login", "%(login)s"
    ).replace(":realm", "%(realm)s")


def test_several_queries_are_asked_in_order() -> None:
    first, second = statements_of(options(query=None, queries=["SELECT :login", "SELECT :user"]), Dialect.MYSQL)
    assert [first.text, second.text] == ["SELECT %(login)s", "SELECT %(user)s"]
