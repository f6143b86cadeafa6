from decimal import Decimal

import pytest

from authd_backends.sql.postgresql_connection import _value

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
