"""Rows to verdicts."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from authd_backends import OptionError, Outcome, Request, Secret, Unavailable
from authd_backends.hashes import Policy
from authd_backends.sql.rows import MAX_ROWS, Entry, Judge, Table, check_columns, entries

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
BCRYPT = "$2y$04$abcdefghijklmnopqrstuu3DtlLB8tVjSzgg/7PtZrTgNWbRlPSaq"  # of something


def found(**columns: object) -> list[Entry]:
    row = {"password": "{PLAIN}secret", **columns}
    return entries(Table(tuple(row), [tuple(row.values())]), NOW)


def refusal(**columns: object) -> Outcome | None:
    (entry,) = found(**columns)
    return entry.refusal


def verdict(rows: list[Entry], password: bytes = b"secret") -> Outcome:
    return Judge(Policy()).verdict(rows, Request("alice", Secret(password))).outcome


@pytest.mark.parametrize("value", [None, 0, False, "", "0", "N", "n", "no", "false", "f", b"\0", b"0", Decimal(0), " "])
def test_who_is_not_active_is_disabled(value: object) -> None:
    assert refusal(active=value) is Outcome.DISABLED


@pytest.mark.parametrize("value", [1, True, "1", "Y", "yes", "t", b"\1", Decimal(1), 2])
def test_who_is_active_is_not(value: object) -> None:
    assert refusal(active=value) is None


@pytest.mark.parametrize(
    "past",
    [
        datetime(2026, 7, 1, 12),  # noqa: DTZ001  # what drivers give for a column without a zone
        datetime(2026, 7, 1, 12, tzinfo=UTC),
        date(2026, 7, 1),
        "2026-07-01 11:59:59",
        "2026-07-01T11:59:59Z",
        "2026-06-30",
        NOW.timestamp(),
        Decimal(0),
    ],
)
def test_who_is_past_his_time_is_expired(past: object) -> None:
    assert refusal(expires=past) is Outcome.EXPIRED


@pytest.mark.parametrize(
    "future", [None, NOW + timedelta(seconds=1), date(2026, 7, 2), "2026-07-02", "0000-00-00 00:00:00", "0000-00-00"]
)
def test_who_is_not_past_it_is_not(future: object) -> None:
    assert refusal(expires=future) is None


@pytest.mark.parametrize("value", ["soon", "2026-02-31", 1e300, float("nan"), b"x", [1]])
def test_a_time_that_is_none_is_an_outage(value: object) -> None:
    with pytest.raises(Unavailable, match="expires: expected a time"):
        found(expires=value)


@pytest.mark.parametrize("stored", [None, "", "!", "*LK*", "!$2y$04$x"])
def test_who_has_no_password_is_disabled(stored: str | None) -> None:
    assert refusal(password=stored) is Outcome.DISABLED


def test_bytes_are_text() -> None:
    (entry,) = found(password=b"{PLAIN}secret", user=b"alice")
    assert (entry.stored, entry.user) == ("{PLAIN}secret", "alice")


def test_rows_of_several_users_are_nobodys() -> None:
    table = Table(("password", "user"), [("{PLAIN}a", "alice"), ("{PLAIN}b", "bob")])
    with pytest.raises(Unavailable, match="expected those of one user, got several"):
        entries(table, NOW)


def test_more_rows_than_anybody_has_passwords_are_an_outage() -> None:
    with pytest.raises(Unavailable, match="expected at most 16"):
        entries(Table(("password",), [("x",)] * (MAX_ROWS + 1)), NOW)


def test_any_of_the_rows_lets_in() -> None:
    rows = found(password="{PLAIN}phone") + found(password="{PLAIN}laptop") + found(active=0)
    assert verdict(rows, b"phone") is verdict(rows, b"laptop") is Outcome.ACCEPTED
    assert verdict(rows, b"secret") is Outcome.WRONG_PASSWORD


def test_a_hash_that_cannot_be_read_is_an_outage_unless_another_row_lets_in() -> None:
    rows = found(password="{ROT13}frperg") + found()
    assert verdict(rows) is Outcome.ACCEPTED
    assert verdict(rows, b"guess") is Outcome.UNAVAILABLE


def test_disabled_is_told_before_expired() -> None:
    assert verdict(found(active=0)) is Outcome.DISABLED
    assert verdict(found(expires="2020-01-01")) is Outcome.EXPIRED
    assert verdict(found(expires="2020-01-01") + found(active=0)) is Outcome.DISABLED
    assert verdict([]) is Outcome.UNKNOWN_USER


def test_only_cheap_hashes_are_computed_on_the_loop() -> None:
    judge = Judge(Policy())
    assert judge.is_cheap(found())
    assert not judge.is_cheap(found(password=BCRYPT))
    assert not judge.is_cheap([])  # nobody knows yet what hashes the table has

    for rows in (found(), found(password=BCRYPT)):
        told = asyncio.run(judge.verdict_on_loop(rows, Request("alice", Secret(b"guess"))))
        assert told.outcome is Outcome.WRONG_PASSWORD
        assert judge.is_cheap([]) is judge.is_cheap(rows)  # who is unknown costs what the last one did


@pytest.mark.parametrize(
    "columns", [["login"], ["password", "crypt"], ["password", "PASSWORD"], [], ["user", "active"]]
)
def test_other_columns_than_are_known_are_refused(columns: list[str]) -> None:
    with pytest.raises(OptionError, match="query: expected"):
        check_columns(columns, "query")


def test_columns_are_known_in_any_order_and_case() -> None:
    check_columns(["User", "EXPIRES", "password", "active"], "query")
    assert found(USER="alice")[0].user == "alice"
