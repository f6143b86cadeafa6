import pytest

from authd_backends import OptionError
from authd_backends.sql.query import statement
from authd_backends.sql.schemas import Dialect, schema_query, schemas

EVERY = [(name, dialect) for dialect in Dialect for name in schemas(dialect)]


@pytest.mark.parametrize(("name", "dialect"), EVERY)
def test_every_schema_is_a_query_that_binds_what_it_asks_for(name: str, dialect: Dialect) -> None:
    parsed = statement(schema_query(name, dialect), dialect)

    assert {"login", "realm"} <= parsed.names <= {"login", "realm", "service"}
    assert "{" not in parsed.text


@pytest.mark.parametrize(
    ("name", "dialect"), [("postfixadmin3", Dialect.MYSQL), ("mailcow", Dialect.POSTGRESQL), ("", Dialect.SQLITE)]
)
def test_a_schema_that_is_unknown_or_of_another_server_stops_the_start(name: str, dialect: Dialect) -> None:
    with pytest.raises(OptionError) as raised:
        schema_query(name, dialect)

    assert str(raised.value) == f"schema: expected one of {', '.join(schemas(dialect))}, got {name!r}"
    assert raised.value.option == "schema"


def test_a_schema_is_there_for_each_server_that_its_project_supports() -> None:
    assert set(schemas(Dialect.SQLITE)) < set(schemas(Dialect.POSTGRESQL)) < set(schemas(Dialect.MYSQL))
