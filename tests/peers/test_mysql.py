"""The backend `mysql` on Debian's MariaDB: answers, hostile logins, names that a collation takes for one, TLS."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authd_backends import Client, LoopBackend, OptionError, Outcome, Unavailable, conformance
from tests.servers import table
from tests.servers.asking import asking, loop_backend, start_and_close
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.client import NO, OK, TEMPORARY_FAILURE
from tests.servers.client import ask as ask_daemon
from tests.servers.mariadb import PACKAGES as PACKAGES
from tests.servers.mariadb import MariaDB
from tests.servers.process import wait_until
from tests.servers.table import Installation, brought_back

QUERY = "SELECT password, active, expires, login AS user FROM users WHERE login = :login"
TABLES = """
CREATE DATABASE mail CHARACTER SET utf8mb4;
USE mail;
CREATE TABLE users (
  login VARCHAR(100), password VARCHAR(255), active ENUM('Y', 'N') DEFAULT 'Y', expires DATETIME, KEY (login)
) COLLATE utf8mb4_general_ci;
INSERT INTO users (login, password) VALUES ('alice', '{PLAIN}secret'), ('bob', '{PLAIN}secret');
INSERT INTO users (login, password) VALUES ('carol', '{PLAIN}of her phone'), ('carol', '{PLAIN}of her laptop');
INSERT INTO users VALUES ('dave', '{PLAIN}secret', 'N', NULL), ('erin', '{PLAIN}secret', 'Y', '2020-01-01 12:00:00');
INSERT INTO users VALUES ('frank', '{PLAIN}secret', 'Y', '2999-01-01 12:00:00'), ('grace', '{ROT13}frperg', 'Y', NULL);
CREATE TABLE old (login VARCHAR(20) PRIMARY KEY, password VARCHAR(255)) CHARACTER SET latin1;
INSERT INTO old VALUES ('henry', '{PLAIN}secret');
CREATE USER authd IDENTIFIED BY 'pässword';
GRANT SELECT, INSERT ON mail.* TO authd;
"""

CONFIGURATION = """
[[listeners]]
path = "/run/saslauthd/mux"

[backends.mail]
type = "mysql"
hosts = ["{socket}"]
user = "authd"
password = "pässword"
database = "mail"
query = "{query}"

[throttle]
per_user = 3
failure_delay = "0s"
"""


@pytest.fixture(scope="module")
def server(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    authority = Authority(tmp_path_factory.getbasetemp())
    made = authority.issue("localhost")
    server = MariaDB(box)
    server.use_certificate(*(path.read_text() for path in (*made, authority.file)))
    server.start()
    server.execute(TABLES)
    yield server
    server.stop()


def options(server: MariaDB, **others: object) -> dict[str, object]:
    table = {"hosts": [server.host], "user": "authd", "password": "pässword", "database": "mail", "query": QUERY}
    return {key: value for key, value in {**table, **others}.items() if value is not None}


# ── answers ──


@pytest.mark.parametrize(
    ("login", "password", "outcome"),
    [
        ("alice", "secret", Outcome.ACCEPTED),
        ("alice", "guess", Outcome.WRONG_PASSWORD),
        ("mallory", "secret", Outcome.UNKNOWN_USER),
        ("carol", "of her phone", Outcome.ACCEPTED),
        ("carol", "of her laptop", Outcome.ACCEPTED),
        ("dave", "secret", Outcome.DISABLED),
        ("erin", "secret", Outcome.EXPIRED),
        ("frank", "secret", Outcome.ACCEPTED),
        ("grace", "secret", Outcome.UNAVAILABLE),
    ],
)
def test_rows_become_verdicts(server: MariaDB, login: str, password: str, outcome: Outcome) -> None:
    with asking(server.box, "mysql", options(server)) as ask:
        assert ask(login, password).outcome is outcome


def test_every_name_is_bound(server: MariaDB) -> None:
    query = """
      SELECT '{PLAIN}secret' AS password, CONCAT_WS('|', :user, :realm, :login, :service, :client) AS user
      FROM DUAL WHERE :login <> '100%'  -- :nobody
    """
    client = Client("192.0.2.1")
    with asking(server.box, "mysql", options(server, query=query)) as ask:
        told = ask("alice", realm="example.org", login="alice@example.org", service="smtp", client=client)
        of_nobody_known = ask("alice")

    assert told.user == "alice|example.org|alice@example.org|smtp|192.0.2.1"
    assert of_nobody_known.user == "alice||alice|"  # NULL is left out


def test_of_several_queries_the_first_that_finds_somebody_counts(server: MariaDB) -> None:
    queries = ["SELECT password FROM old WHERE login = :login", QUERY]
    with asking(server.box, "mysql", options(server, query=None, queries=queries)) as ask:
        assert ask("henry").outcome is Outcome.ACCEPTED
        assert ask("alice").outcome is Outcome.ACCEPTED
        assert ask("mallory").outcome is Outcome.UNKNOWN_USER


@pytest.mark.parametrize("login", ["ALICE", "álice", "alice  "])
def test_what_the_collation_takes_for_one_name_has_one_canonical_name(server: MariaDB, login: str) -> None:
    with asking(server.box, "mysql", options(server)) as ask:
        verdict = ask(login)

    assert (verdict.outcome, verdict.user) == (Outcome.ACCEPTED, "alice")


def test_spellings_of_one_name_are_no_fresh_guesses(server: MariaDB) -> None:
    """Each is another name to authd, until the backend has told whose it is."""
    authd = Authd(server.box, CONFIGURATION.format(socket=server.socket, query=QUERY))
    authd.start()
    socket = server.box.path(SOCKET)
    try:
        assert ask_daemon(socket, "alice", "secret") == OK
        spellings = ["ALICE", "álice", "alicé"]
        assert [ask_daemon(socket, each, f"guess of {each}") for each in spellings] == [NO] * 3
        assert ask_daemon(socket, "älice", "one more guess") == TEMPORARY_FAILURE
        assert ask_daemon(socket, "alice", "secret") == OK
    finally:
        assert authd.stop() == 0


@pytest.mark.parametrize("login", ["\udcff", "a\0b", "логин", "\N{GRINNING FACE}", "x" * 8000])
def test_who_cannot_be_in_the_table_is_unknown(server: MariaDB, login: str) -> None:
    query = "SELECT password FROM old WHERE login = :login"
    with asking(server.box, "mysql", options(server, query=query)) as ask:
        assert ask(login).outcome is Outcome.UNKNOWN_USER


def test_a_new_password_in_the_file_counts_from_the_next_connection_on(server: MariaDB, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pässword\n")
    with asking(server.box, "mysql", options(server, password=None, password_file=str(file))) as ask:
        file.write_text("old\n")
        assert ask("alice").outcome is Outcome.UNAVAILABLE
        file.write_text("pässword\n")
        assert ask("alice").outcome is Outcome.ACCEPTED


def test_the_server_is_told_when_a_connection_ends(server: MariaDB) -> None:
    before = server.process.output.count("Aborted connection")
    log = len(server.general_log)
    with asking(server.box, "mysql", options(server)) as ask:
        ask("alice")

    wait_until(lambda: server.general_log[log:].count("Quit\t") == 2, "the end of start's connection and of ask's")
    assert server.process.output.count("Aborted connection") == before


# ── hostile logins ──

HOSTILE = (
    "' OR '1'='1",
    "alice' -- ",
    "alice'; INSERT INTO users VALUES ('mallory', '{PLAIN}x', 'Y', NULL); -- ",
    "\\' OR 1=1 -- ",
    "\\\\' OR 1=1 -- ",
    "\N{INVERTED QUESTION MARK}' OR 1=1 -- ",  # its last byte and a backslash are one character of GBK
    '" OR ""="',
    "%s%(login)s%%",
    "alice\x1a\n\r\t#",
    "/*! OR 1=1 */",
    "alice' UNION SELECT '{PLAIN}secret', 'Y', NULL, 'alice",
)


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"])
def test_a_login_is_never_part_of_a_query(server: MariaDB, mode: str) -> None:
    server.execute(f"SET GLOBAL sql_mode = '{mode}'; SET GLOBAL init_connect = 'SET NAMES gbk'")
    before = len(server.general_log)
    try:
        with asking(server.box, "mysql", options(server)) as ask:
            for login in HOSTILE:
                assert ask(login).outcome is Outcome.UNKNOWN_USER, login
    finally:
        server.execute("SET GLOBAL sql_mode = DEFAULT; SET GLOBAL init_connect = DEFAULT")

    queries = [line for line in server.general_log[before:].splitlines() if "SELECT password" in line]
    assert len(queries) == len(HOSTILE) + 1  # start asks for nobody
    assert server.execute("SELECT COUNT(*) FROM mail.users WHERE login = 'mallory'") == "0"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logins=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)))
def test_what_is_bound_arrives_as_it_was(server: MariaDB, logins: list[str]) -> None:
    query = "SELECT '{PLAIN}secret' AS password, :login AS user"
    with asking(server.box, "mysql", options(server, query=query)) as ask:
        assert [ask(login).user for login in logins] == logins


def test_a_query_cannot_write(server: MariaDB) -> None:
    query = "INSERT INTO users (login) VALUES (:login) RETURNING '{PLAIN}secret' AS password"

    with pytest.raises(Unavailable, match="READ ONLY"):
        started(server, query=query)


# ── what stops the start ──


def started(server: MariaDB, **others: object) -> None:
    start_and_close(server.box, "mysql", options(server, **others))


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        ({"query": "SELECT login FROM users WHERE login = :login"}, "query: expected a column password, got login"),
        ({"query": "SELECT password, login FROM users WHERE login = :login"}, "expected no columns but password"),
        ({"query": "SELECT crypt AS password FROM users WHERE login = :login"}, "query: Unknown column 'crypt'"),
        ({"query": "SELECT password FROM people WHERE login = :login"}, "query: Table 'mail.people' doesn't exist"),
        ({"query": "SELECT password FRM users WHERE login = :login"}, "query: You have an error in your SQL syntax"),
        ({"query": "SELECT 1 AS password; SELECT :login"}, "query: You have an error in your SQL syntax"),
        ({"password": "wrong"}, "Access denied for user 'authd'"),
        ({"database": "male"}, "male"),
    ],
)
def test_what_can_never_work_stops_the_start(server: MariaDB, others: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(OptionError) as raised:
        started(server, **others)

    assert complaint in str(raised.value)
    assert "pässword" not in str(raised.value)


# ── TLS ──


def test_tls_is_used_and_verified(server: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> None:
    trusted = str(tmp_path_factory.getbasetemp() / "authority.pem")
    query = "SELECT '{PLAIN}secret' AS password, variable_value AS user FROM information_schema.session_status WHERE "
    query += "variable_name = 'Ssl_version' AND :login <> ''"
    over_tcp = options(server, hosts=["localhost"], ca_file=trusted, query=query)
    with asking(server.box, "mysql", over_tcp) as ask:
        assert ask("alice").user.startswith("TLSv1.")


@pytest.mark.parametrize(("host", "trusted"), [("localhost", "stranger.pem"), ("127.0.0.1", "authority.pem")])
def test_a_server_that_cannot_be_verified_is_an_outage(
    server: MariaDB, tmp_path_factory: pytest.TempPathFactory, host: str, trusted: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    Authority(folder, "stranger")
    with asking(server.box, "mysql", options(server, hosts=[host], ca_file=str(folder / trusted))) as ask:
        verdict = ask("alice")

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "certificate verify failed" in verdict.reason


def test_a_server_without_tls_is_told_no_password(server: MariaDB, tmp_path: Path) -> None:
    plain = MariaDB(server.box, port=3307)
    plain.start()
    plain.execute("CREATE USER stranger")  # or every host is refused before TLS is spoken of
    trusted = str(Authority(tmp_path).file)
    try:
        with asking(server.box, "mysql", options(server, hosts=["127.0.0.1:3307"], ca_file=trusted)) as ask:
            assert "expected TLS, got a server that does not offer it" in ask("alice").reason
        assert "authd@" not in plain.general_log
    finally:
        plain.stop()


# ── the contract ──


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, server: MariaDB) -> None:
    def backend() -> LoopBackend:
        return loop_backend("mysql", options(server, query=table.QUERY))

    with brought_back(server):
        case(Installation(server, lambda statements: server.execute(f"USE mail; {statements}"), backend))
