"""The backend `sqlite` on real files."""

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from authd_backends import Client, OptionError, Outcome, Request, Secret, Unavailable, Verdict, conformance
from authd_backends.options import build
from authd_backends.sql.sqlite import SqliteBackend, SqliteOptions

QUERY = "SELECT password, active, expires, login AS user FROM users WHERE login = :login"
TABLE = "CREATE TABLE users (login TEXT COLLATE NOCASE, password TEXT, active INT DEFAULT 1, expires TEXT)"


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def insert(login: str, password: str) -> str:
    return f"INSERT INTO users (login, password) VALUES ('{login}', '{{PLAIN}}{password}')"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.db"
    execute(path, TABLE, insert("alice", "secret"))
    return path


def backend_on(users: Path, **others: object) -> SqliteBackend:
    return SqliteBackend(build(SqliteOptions, {"path": str(users), "query": QUERY, **others}))


def ask(backend: SqliteBackend, login: str = "alice", password: bytes = b"secret") -> Verdict:
    return backend.check(Request(login, Secret(password)))


def test_a_spelling_of_the_name_has_the_canonical_one(users: Path) -> None:
    assert ask(backend_on(users), "ALICE") == Verdict(Outcome.ACCEPTED, user="alice")


def test_a_replaced_file_is_seen_at_once(users: Path, tmp_path: Path) -> None:
    backend = backend_on(users)
    assert ask(backend).outcome is Outcome.ACCEPTED
    other = tmp_path / "other.db"
    execute(other, TABLE, insert("bob", "secret"))

    other.replace(users)

    assert ask(backend).outcome is Outcome.UNKNOWN_USER
    assert ask(backend, "bob").outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("content", [b"", b"half of a restore" * 100])
def test_a_file_that_is_no_database_is_an_outage_and_never_an_unknown_user(users: Path, content: bytes) -> None:
    backend = backend_on(users)
    backend.start()
    users.write_bytes(content)

    verdict = ask(backend)

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.reason


def test_every_way_of_cutting_a_file_is_an_outage(users: Path) -> None:
    whole = users.read_bytes()
    backend = backend_on(users)
    for length in range(0, len(whole), 512):
        users.write_bytes(whole[:length])
        assert ask(backend).outcome is Outcome.UNAVAILABLE, length
    users.write_bytes(whole)
    assert ask(backend).outcome is Outcome.ACCEPTED


def test_a_file_that_others_may_write_is_an_outage(users: Path) -> None:
    users.chmod(0o666)
    assert "users.db: expected a file that only its owner and group may write" in ask(backend_on(users)).reason
    with pytest.raises(Unavailable):
        backend_on(users).probe()


def test_a_named_pipe_is_an_outage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "expected a regular file" in ask(backend_on(tmp_path / "pipe")).reason


def test_a_writer_in_wal_mode_keeps_nobody_waiting(users: Path) -> None:
    execute(users, "PRAGMA journal_mode = WAL")
    backend = backend_on(users)
    with closing(sqlite3.connect(users, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(insert("bob", "secret"))
        assert ask(backend).outcome is Outcome.ACCEPTED
        assert ask(backend, "bob").outcome is Outcome.UNKNOWN_USER
        before = backend.generation()
        writer.execute("COMMIT")
        assert ask(backend, "bob").outcome is Outcome.ACCEPTED
        assert backend.generation() != before


def test_a_writer_who_holds_the_whole_file_is_waited_for(users: Path) -> None:
    patient, hasty = backend_on(users, busy_timeout="30s"), backend_on(users, busy_timeout="0s")
    with closing(sqlite3.connect(users, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert ask(hasty) == Verdict(Outcome.UNAVAILABLE, f"{users}: database is locked")
        timer = threading.Timer(0.1, writer.execute, ["COMMIT"])
        timer.start()
        assert ask(patient).outcome is Outcome.ACCEPTED
        timer.join()


def test_nothing_is_written(users: Path) -> None:
    before = users.read_bytes()
    backend = backend_on(users, query="INSERT INTO users (login) VALUES (:login) RETURNING password")
    with pytest.raises(Unavailable, match="readonly"):
        backend.start()
    assert users.read_bytes() == before


@pytest.mark.parametrize(
    "login", ["' OR '1'='1", 'alice"; DROP TABLE users; --', "alice' --", ":login", "%", "a" * 8000]
)
def test_a_login_is_never_part_of_a_query(users: Path, login: str) -> None:
    assert ask(backend_on(users), login).outcome is Outcome.UNKNOWN_USER
    assert ask(backend_on(users)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("SELECT crypt AS password FROM users WHERE login = :login", "query: no such column: crypt"),
        ("SELECT password FROM people WHERE login = :login", "query: no such table: people"),
        ("SELECT password FRM users WHERE login = :login", "query: "),
        ("SELECT login FROM users WHERE login = :login", "query: expected a column password"),
        ("SELECT password FROM users WHERE login = :login AND 1 = ?", "query: "),
    ],
)
def test_a_query_that_can_never_work_stops_the_start(users: Path, query: str, complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        backend_on(users, query=query).start()


def test_a_table_that_went_after_the_start_is_an_outage(users: Path) -> None:
    backend = backend_on(users)
    backend.start()
    execute(users, "DROP TABLE users")
    assert "no such table: users" in ask(backend).reason


def test_only_a_query_that_names_the_client_decides_by_him(users: Path) -> None:
    assert not backend_on(users).uses_client
    backend = backend_on(users, query=f"{QUERY} AND (:client IS NULL OR :client LIKE '192.0.2.%')")
    assert backend.uses_client
    for client, outcome in ((None, Outcome.ACCEPTED), ("192.0.2.1", Outcome.ACCEPTED), ("::1", Outcome.UNKNOWN_USER)):
        request = Request("alice", Secret(b"secret"), client=Client(client) if client else None)
        assert backend.check(request).outcome is outcome


# ── the contract ──


class Installation:
    login = "alice"
    realm = ""
    password = b"correct horse"

    def __init__(self, folder: Path) -> None:
        self._users = folder / "users.db"
        execute(self._users, TABLE, insert("alice", self.password.decode()))

    def backend(self) -> SqliteBackend:
        return backend_on(self._users)

    def set_password(self, password: bytes) -> None:
        execute(self._users, f"UPDATE users SET password = '{{PLAIN}}{password.decode()}'")

    def take_away(self) -> None:
        shutil.move(self._users, self._users.with_suffix(".away"))

    def bring_back(self) -> None:
        shutil.move(self._users.with_suffix(".away"), self._users)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, installation: Installation) -> None:
    case(installation)
