"""The backend `postgresql` on Debian's PostgreSQL: answers, hostile logins, what the start finds, TLS."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authd_backends import Client, LoopBackend, OptionError, Outcome, conformance
from tests.servers import table
from tests.servers.asking import asking, loop_backend, start_and_close
from tests.servers.box import Box
from tests.servers.certificates import Authority
from tests.servers.postgresql import PACKAGES as PACKAGES
from tests.servers.postgresql import PostgreSQL
from tests.servers.table import Installation, brought_back

QUERY = "SELECT password, active, expires, login AS user FROM users WHERE login = :login"
TABLES = """
CREATE TABLE users (login text COLLATE "C", password text, active boolean DEFAULT true, expires timestamptz);
CREATE INDEX ON users (login);
INSERT INTO users (login, password) VALUES ('alice', '{PLAIN}secret'), ('bob', '{PLAIN}secret');
INSERT INTO users (login, password) VALUES ('carol', '{PLAIN}of her phone'), ('carol', '{PLAIN}of her laptop');
INSERT INTO users VALUES ('dave', '{PLAIN}secret', false, NULL), ('erin', '{PLAIN}secret', true, '2020-01-01 12:00Z');
INSERT INTO users VALUES ('frank', '{PLAIN}secret', true, 'infinity'), ('grace', '{ROT13}frperg', true, NULL);
INSERT INTO users VALUES ('heidi', '{PLAIN}secret', NULL, NULL), ('ivan', '{PLAIN}secret', true, '-infinity');
CREATE TABLE padded (login char(20), password char(60), active char(4), expires bigint);
INSERT INTO padded VALUES ('alice', '{PLAIN}secret', 'Y', 4102444800), ('dave', '{PLAIN}secret', 'N', NULL);
INSERT INTO padded VALUES ('erin', '{PLAIN}secret', 'Y', 1577880000);
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO authd;
CREATE TABLE closed (login text, password text);
"""


@pytest.fixture(scope="module")
def server(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    authority = Authority(tmp_path_factory.getbasetemp())
    made = authority.issue("localhost")
    authority.issue("authd", for_use_as="client")
    server = PostgreSQL(box)
    server.use_certificate(*(path.read_text() for path in (*made, authority.file)))
    server.start()
    server.execute("CREATE ROLE authd LOGIN PASSWORD 'pässword'; CREATE DATABASE mail")
    server.execute("CREATE DATABASE secret; CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1'")
    server.execute(TABLES, "mail")
    yield server
    server.stop()


def options(server: PostgreSQL, **others: object) -> dict[str, object]:
    table = {"hosts": [server.host], "user": "authd", "password": "pässword", "database": "mail", "query": QUERY}
    return {key: value for key, value in {**table, **others}.items() if value is not None}


# ── answers ──


@pytest.mark.parametrize(
    ("login", "password", "outcome"),
    [
        ("alice", "secret", Outcome.ACCEPTED),
        ("alice", "guess", Outcome.WRONG_PASSWORD),
        ("ALICE", "secret", Outcome.UNKNOWN_USER),
        ("mallory", "secret", Outcome.UNKNOWN_USER),
        ("carol", "of her phone", Outcome.ACCEPTED),
        ("carol", "of her laptop", Outcome.ACCEPTED),
        ("dave", "secret", Outcome.DISABLED),
        ("erin", "secret", Outcome.EXPIRED),
        ("frank", "secret", Outcome.ACCEPTED),
        ("grace", "secret", Outcome.UNAVAILABLE),
        ("heidi", "secret", Outcome.DISABLED),
        ("ivan", "secret", Outcome.EXPIRED),
    ],
)
def test_rows_become_verdicts(server: PostgreSQL, login: str, password: str, outcome: Outcome) -> None:
    with asking(server.box, "postgresql", options(server)) as ask:
        assert ask(login, password).outcome is outcome


@pytest.mark.parametrize(
    ("login", "outcome"), [("alice", Outcome.ACCEPTED), ("dave", Outcome.DISABLED), ("erin", Outcome.EXPIRED)]
)
def test_what_fills_a_column_of_fixed_width_is_no_part_of_the_value(
    server: PostgreSQL, login: str, outcome: Outcome
) -> None:
    query = "SELECT password, active, expires, login AS user FROM padded WHERE login = :login"
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        verdict = ask(login)

    assert (verdict.outcome, verdict.user) == (outcome, login)


def test_every_name_is_bound(server: PostgreSQL) -> None:
    query = """
      SELECT '{PLAIN}secret'::text AS password, concat_ws('|', :user, :realm, :login, :service, :client) AS user
      WHERE :login <> '100%' AND E'\\':x' <> $$:y$$ -- :nobody
    """
    client = Client("192.0.2.1")
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        told = ask("alice", realm="example.org", login="alice@example.org", service="smtp", client=client)
        of_nobody_known = ask("alice")

    assert told.user == "alice|example.org|alice@example.org|smtp|192.0.2.1"
    assert of_nobody_known.user == "alice||alice|"  # NULL is left out


def test_a_client_may_be_compared_with_networks(server: PostgreSQL) -> None:
    query = "SELECT '{PLAIN}secret' AS password WHERE CAST(:client AS inet) <<= '192.0.2.0/24' AND :login <> ''"
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        assert ask("alice", client=Client("192.0.2.1")).outcome is Outcome.ACCEPTED
        assert ask("alice", client=Client("198.51.100.1")).outcome is Outcome.UNKNOWN_USER
        assert ask("alice").outcome is Outcome.UNKNOWN_USER


def test_of_several_queries_the_first_that_finds_somebody_counts(server: PostgreSQL) -> None:
    queries = ["SELECT password FROM padded WHERE login = :login", QUERY]
    with asking(server.box, "postgresql", options(server, query=None, queries=queries)) as ask:
        assert ask("dave").outcome is Outcome.ACCEPTED
        assert ask("bob").outcome is Outcome.ACCEPTED
        assert ask("mallory").outcome is Outcome.UNKNOWN_USER


def test_what_the_table_takes_for_one_name_has_one_canonical_name(server: PostgreSQL) -> None:
    query = "SELECT password, login AS user FROM users WHERE login = lower(:login)"
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        assert [ask(login).user for login in ("alice", "ALICE", "Alice")] == ["alice"] * 3


@pytest.mark.parametrize("database", ["mail", "old"])
@pytest.mark.parametrize("login", ["\udcff", "a\0b", "логин", "\N{GRINNING FACE}", "x" * 8000])
def test_who_cannot_be_in_the_table_is_unknown(server: PostgreSQL, login: str, database: str) -> None:
    query = "SELECT '{PLAIN}secret'::varchar(20) AS password FROM pg_database WHERE datname = :login"
    with asking(server.box, "postgresql", options(server, database=database, query=query)) as ask:
        assert ask(login).outcome is Outcome.UNKNOWN_USER
        assert ask("mail").outcome is Outcome.ACCEPTED


def test_a_flood_of_rows_is_not_read(server: PostgreSQL) -> None:
    query = "SELECT '{PLAIN}secret' AS password FROM pg_proc, pg_proc AS b, pg_proc AS c WHERE :login = 'alice'"
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        verdict = ask("alice")
        assert (verdict.outcome, verdict.reason) == (
            Outcome.UNAVAILABLE,
            f"{server.host}: rows: expected at most 16 for one login, got more",
        )
        assert ask("bob").outcome is Outcome.UNKNOWN_USER


def test_a_new_password_in_the_file_counts_from_the_next_connection_on(server: PostgreSQL, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pässword\n")
    with asking(server.box, "postgresql", options(server, password=None, password_file=str(file))) as ask:
        file.write_text("old\n")
        assert ask("alice").outcome is Outcome.UNAVAILABLE
        file.write_text("pässword\n")
        assert ask("alice").outcome is Outcome.ACCEPTED


def test_the_socket_itself_may_be_named(server: PostgreSQL) -> None:
    with asking(server.box, "postgresql", options(server, hosts=[f"{server.host}/.s.PGSQL.5432"])) as ask:
        assert ask("alice").outcome is Outcome.ACCEPTED


# ── hostile logins ──

HOSTILE = (
    "' OR '1'='1",
    "alice' -- ",
    "alice'; INSERT INTO users VALUES ('mallory', '{PLAIN}x'); -- ",
    "\\' OR 1=1 -- ",
    "\\\\' OR 1=1 -- ",
    '" OR ""="',
    "$1",
    "$$ OR 1=1 $$",
    ":login",
    "%s%(login)s%%",
    "alice\n\r\t--",
    "/* OR 1=1 */",
    "alice' UNION SELECT '{PLAIN}secret', true, NULL, 'alice",
)


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_login_is_never_part_of_a_query(server: PostgreSQL, conforming: str) -> None:
    server.execute(f"ALTER ROLE authd SET standard_conforming_strings = {conforming}")
    before = len(server.log)
    try:
        with asking(server.box, "postgresql", options(server)) as ask:
            for login in HOSTILE:
                assert ask(login).outcome is Outcome.UNKNOWN_USER, login
    finally:
        server.execute("ALTER ROLE authd RESET standard_conforming_strings")

    executed = re.findall(r"authd@mail LOG:  execute <unnamed>: (?!SELECT set_config)(.*)", server.log[before:])
    assert executed == [QUERY.replace(":login", "$1")] * (len(HOSTILE) + 1)  # start asks for nobody
    assert server.execute("SELECT count(*) FROM users WHERE login = 'mallory'", "mail") == "0"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logins=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)))
def test_what_is_bound_arrives_as_it_was(server: PostgreSQL, logins: list[str]) -> None:
    query = "SELECT '{PLAIN}secret' AS password, :login AS user"
    with asking(server.box, "postgresql", options(server, query=query)) as ask:
        assert [ask(login).user for login in logins] == logins


# ── what stops the start ──


def started(server: PostgreSQL, **others: object) -> None:
    start_and_close(server.box, "postgresql", options(server, **others))


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        ({"query": "SELECT login FROM users WHERE login = :login"}, "query: expected a column password, got login"),
        ({"query": "SELECT password, login FROM users WHERE login = :login"}, "expected no columns but password"),
        ({"query": "SELECT crypt AS password FROM users WHERE login = :login"}, 'query: column "crypt" does not exist'),
        ({"query": "SELECT password FROM people WHERE login = :login"}, 'query: relation "people" does not exist'),
        ({"query": "SELECT password FROM closed WHERE login = :login"}, "query: permission denied for table closed"),
        ({"query": "SELECT password FRM users WHERE login = :login"}, "query: syntax error at or near"),
        ({"query": "SELECT 1 AS password; SELECT :login"}, "query: cannot insert multiple commands"),
        ({"query": "INSERT INTO users VALUES (:login) RETURNING password"}, "in a read-only transaction"),
        ({"password": "wrong"}, 'password authentication failed for user "authd"'),
        ({"user": "nobody"}, 'password authentication failed for user "nobody"'),
        ({"database": "male"}, 'database "male" does not exist'),
        ({"hosts": ["127.0.0.1"], "database": "old"}, "no pg_hba.conf entry"),
        ({"hosts": ["localhost"], "ca_file": "/nowhere/ca.pem"}, "ca_file: /nowhere/ca.pem: No such file"),
    ],
)
def test_what_can_never_work_stops_the_start(server: PostgreSQL, others: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(OptionError) as raised:
        started(server, **others)

    assert complaint in str(raised.value)
    assert "pässword" not in str(raised.value)


# ── TLS ──


@pytest.fixture
def authority(server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What issued the server's certificate."""
    return tmp_path_factory.getbasetemp() / "authority.pem"


def test_tls_is_used_and_verified(server: PostgreSQL, authority: Path) -> None:
    query = "SELECT '{PLAIN}secret' AS password, version AS user FROM pg_stat_ssl WHERE pid = pg_backend_pid() "
    over_tcp = options(server, hosts=["localhost"], ca_file=str(authority), query=f"{query} AND :login <> ''")
    with asking(server.box, "postgresql", over_tcp) as ask:
        assert ask("alice").user.startswith("TLSv1.")


@pytest.mark.parametrize(("host", "trusted"), [("localhost", "stranger.pem"), ("127.0.0.1", "authority.pem")])
def test_a_server_that_cannot_be_verified_is_an_outage(
    server: PostgreSQL, authority: Path, host: str, trusted: str
) -> None:
    Authority(authority.parent, "stranger")
    over_tcp = options(server, hosts=[host], ca_file=str(authority.parent / trusted))
    with asking(server.box, "postgresql", over_tcp) as ask:
        verdict = ask("alice")

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "certificate verify failed" in verdict.reason or "does not match host name" in verdict.reason


def test_a_certificate_of_ours_is_shown(server: PostgreSQL, authority: Path) -> None:
    query = "SELECT '{PLAIN}secret' AS password WHERE :login = 'alice'"
    shown = {"cert_file": str(authority.with_name("authd.pem")), "key_file": str(authority.with_name("authd.key"))}
    over_tcp = options(server, hosts=["localhost"], ca_file=str(authority), database="secret", query=query)

    with pytest.raises(OptionError, match="requires a valid client certificate"):
        started(server, **over_tcp)
    with asking(server.box, "postgresql", {**over_tcp, **shown}) as ask:
        assert ask("alice").outcome is Outcome.ACCEPTED


def test_a_server_without_tls_is_told_no_password(server: PostgreSQL, authority: Path) -> None:
    plain = PostgreSQL(server.box, port=5433)
    plain.start()
    try:
        over_tcp = options(server, hosts=["localhost:5433"], ca_file=str(authority))
        with asking(server.box, "postgresql", over_tcp) as ask:
            assert "server does not support SSL" in ask("alice").reason
        assert "authd" not in plain.log
    finally:
        plain.stop()


# ── the contract ──


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, server: PostgreSQL) -> None:
    def backend() -> LoopBackend:
        return loop_backend("postgresql", options(server, query=table.QUERY))

    with brought_back(server):
        case(Installation(server, lambda statements: server.execute(statements, "mail"), backend))
