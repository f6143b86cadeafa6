import asyncio
import struct
from decimal import Decimal

import pytest
from psycopg import OperationalError

from authd_backends.sql.postgresql_connection import Connection, _value

BYTEA, INT8, FLOAT8, CHAR, DATE, TIMESTAMPTZ, NUMERIC, CITEXT = 17, 20, 701, 1042, 1082, 1184, 1700, 16400


@pytest.mark.parametrize(
    ("found", "kind", "value"),
    [
        (None, INT8, None),
        (b"-17", INT8, -17),
        (b"1.5", FLOAT8, 1.5),
        (b"1.50", NUMERIC, Decimal("1.50")),
        (b"\\x7b7d", BYTEA, b"{}"),
        (b"Y   ", CHAR, "Y"),
        (b" Y ", CITEXT, " Y "),
        (b"caf\xc3\xa9\xff", CITEXT, "café\udcff"),
        (b"2020-01-31", DATE, "2020-01-31"),
        (b"2020-01-31 12:00:00.5+00", TIMESTAMPTZ, "2020-01-31 12:00:00.5+00"),
        (b"infinity", TIMESTAMPTZ, None),
        (b"10000-01-01", DATE, None),
        (b"-infinity", TIMESTAMPTZ, "0001-01-01"),
        (b"0044-03-15 BC", DATE, "0001-01-01"),
    ],
)
def test_a_value_is_what_its_type_says(found: bytes | None, kind: int, value: object) -> None:
    assert _value(found, kind) == value


@pytest.mark.parametrize(("found", "kind"), [(b"x", INT8), (b"x", FLOAT8), (b"x", NUMERIC), (b"x", BYTEA)])
def test_a_value_that_is_none_of_its_type_is_a_server_that_is_out(found: bytes, kind: int) -> None:
    with pytest.raises(OperationalError, match="expected a value"):
        _value(found, kind)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


AUTHENTICATED = message(b"R", bytes(4)) + message(b"Z", b"I")
BOUND = message(b"1") + message(b"2")  # ParseComplete, BindComplete
COPY_OUT, COPY_IN = message(b"H", bytes(3)), message(b"G", bytes(3))


@pytest.mark.parametrize("answer", [BOUND + COPY_OUT, BOUND + COPY_IN], ids=["out", "in"])
def test_a_server_that_answers_with_something_else_than_rows_is_a_dead_connection(answer: bytes) -> None:
    """Of COPY libpq gives one result after the other, and never the last."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for each in (AUTHENTICATED, answer):
                await reader.read(4096)
                writer.write(each)
            await reader.read()
        finally:
            writer.close()

    async def story() -> bool:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            options = f"hostaddr=127.0.0.1 port={port} user=authd dbname=mail sslmode=disable gssencmode=disable"
            connection = await Connection.establish(options)
            with pytest.raises(OperationalError, match="expected rows or an error"):
                await connection.fetch("SELECT 1", [])
            return connection.is_alive

    assert not asyncio.run(story())
