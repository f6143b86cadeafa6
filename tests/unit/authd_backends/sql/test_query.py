"""Names in queries: where they are names, and what becomes of them."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends import Client, OptionError, Request, Secret
from authd_backends.sql.query import statement
from authd_backends.sql.schemas import Dialect

MYSQL, POSTGRESQL, SQLITE = Dialect


@pytest.mark.parametrize(
    ("dialect", "query", "text"),
    [
        (MYSQL, "a = :login AND b = :realm", "a = %(login)s AND b = %(realm)s"),
        (MYSQL, "a = :login AND b LIKE '%:user\\':user'", "a = %(login)s AND b LIKE '%%:user\\':user'"),
        (MYSQL, """ ":user""\\":user" `:user` :login""", """ ":user""\\":user" `:user` %(login)s"""),
        (MYSQL, "-- :user\n# :user\n/* :user */ :login--:user", "-- :user\n# :user\n/* :user */ %(login)s--%(user)s"),
        (POSTGRESQL, "a::text = :login::text", "a::text = %(login)s::text"),
        (POSTGRESQL, "E'\\':user' '\\' :login", "E'\\':user' '\\' %(login)s"),
        (POSTGRESQL, "$$:user$$ $a$:user$$ $a$ :login", "$$:user$$ $a$:user$$ $a$ %(login)s"),
        (POSTGRESQL, "/* /* :user */ :user */ :login --:user", "/* /* :user */ :user */ %(login)s --:user"),
        (POSTGRESQL, "a[1:2] # :login", "a[1:2] # %(login)s"),
        (SQLITE, "a = :login AND b LIKE '%:user'", "a = :login AND b LIKE '%:user'"),
        (SQLITE, "[:user] `:user` --:user\n:login", "[:user] `:user` --:user\n:login"),
    ],
)
def test_names_are_names_outside_of_quotes_and_comments(dialect: Dialect, query: str, text: str) -> None:
    assert statement(query, dialect).text == text


@pytest.mark.parametrize("dialect", Dialect)
def test_an_unknown_name_is_told_with_the_known_ones(dialect: Dialect) -> None:
    with pytest.raises(OptionError, match="query: expected :user, :realm, :service, :login, :client, got :username"):
        statement("SELECT :login, :username", dialect)


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT ':login'", "SELECT :realm -- :user"])
def test_a_query_for_everybody_is_refused(query: str) -> None:
    with pytest.raises(OptionError, match="expected a query that has :login or :user outside of quotes"):
        statement(query, POSTGRESQL)


@pytest.mark.parametrize("query", [":login '", ":login /* ", ':login "a', ":login '''", "/* /* */ :login"])
def test_what_has_no_end_is_refused(query: str) -> None:
    with pytest.raises(OptionError, match="expected an end of what"):
        statement(query, POSTGRESQL)


@given(st.text(st.sampled_from("ab'\"\\`:$-#/*[]%E \n"), max_size=30))
def test_no_query_is_changed_but_for_names_and_per_cents(text: str) -> None:
    for dialect in Dialect:
        try:
            made = statement(f":login {text}", dialect)
        except OptionError:
            continue
        bound = {"login": ":login"}
        assert (made.text if dialect is SQLITE else made.text % bound) == f":login {text}"


@given(st.text(st.sampled_from("ab'\"`:-/*[] \n"), max_size=20))
def test_sqlite_finds_the_same_names(text: str) -> None:
    query = f"SELECT :login, {text}"
    try:
        names = statement(query, SQLITE).names
    except OptionError:
        return
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute(query, dict.fromkeys(names))
    except sqlite3.ProgrammingError as error:
        assert "supply a value" not in str(error)
    except sqlite3.Error:
        pass  # no query at all


def test_what_no_column_holds_is_not_asked_for() -> None:
    found = statement("SELECT :login, :service", MYSQL)
    for login in ("\udcff", "a\0b"):
        assert found.bind(Request(login, Secret(b""))) is None
    assert found.bind(Request("álice", Secret(b""), service="smtp")) == {"login": "álice", "service": "smtp"}


def test_a_client_that_nobody_knows_is_null() -> None:
    found = statement("SELECT :login, :client", MYSQL)
    assert found.bind(Request("a", Secret(b""))) == {"login": "a", "client": None}
    assert found.bind(Request("a", Secret(b""), client=Client("192.0.2.1", 7))) == {"login": "a", "client": "192.0.2.1"}
