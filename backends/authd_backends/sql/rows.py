"""What the rows of a query come to: the columns ``password``, ``active``, ``expires`` and ``user``."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from authd_backends import hashes
from authd_backends.contract import Outcome, Request, Verdict
from authd_backends.errors import BackendError, OptionError, Unavailable
from authd_backends.hashes.schemes import read
from authd_backends.sql.turns import Turns

MAX_ROWS = 16  # accepted hashes of one user
CHEAP = 100e-6  # seconds of hashing that are no matter on an event loop

_COLUMNS = ("password", "active", "expires", "user")
_FALSE = {"", "0", "n", "no", "f", "false", "off"}
_ZERO_DATE = re.compile(r"0000-00-00\b.*")


class Table(NamedTuple):
    """A query's answer, of which no more than `MAX_ROWS` + 1 rows have to be there."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]


NO_ROWS = Table(("password",), ())


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as it was understood; `refusal` is what it comes to whatever the password, None for none."""

    stored: str
    user: str
    refusal: Outcome | None


def check_columns(columns: Sequence[str], option: str) -> None:
    """Raises OptionError unless the columns are `password` and others that are known, each once, in any case."""
    names = [column.lower() for column in columns]
    got = ", ".join(names) or "none"
    if "password" not in names:
        raise OptionError(f"{option}: expected a column password, got {got}", option)
    if not set(names) <= set(_COLUMNS) or len(set(names)) < len(names):
        raise OptionError(f"{option}: expected no columns but {', '.join(_COLUMNS)}, each once, got {got}", option)


def entries(table: Table, now: datetime) -> list[Entry]:
    """Understand the rows.

    Raises Unavailable where there are too many, of several users, without a password, or one cannot be read.
    """
    if len(table.rows) > MAX_ROWS:
        raise Unavailable(f"rows: expected at most {MAX_ROWS} for one login, got more")
    names = [column.lower() for column in table.columns]
    if "password" not in names:
        raise Unavailable("rows: expected a column password, got none")
    found = [_entry(dict(zip(names, row, strict=True)), now) for row in table.rows]
    if len({entry.user for entry in found}) > 1:
        raise Unavailable("rows: expected those of one user, got several")
    return found


class Judge:
    """Compares passwords with rows. It may be asked on several threads at once."""

    def __init__(self, policy: hashes.Policy) -> None:
        self._policy = policy
        self._turns = Turns(len(os.sched_getaffinity(0)))
        self._usual: str | None = None  # a stored password such as were seen last, for unknown users

    def is_cheap(self, found: Sequence[Entry]) -> bool:
        """Whether `verdict` takes no time to speak of."""
        stored = [entry.stored for entry in found if entry.refusal is None]
        if not stored:
            return self._usual is not None and self._seconds(self._usual) < CHEAP
        return sum(map(self._seconds, stored)) < CHEAP

    def verdict(self, found: Sequence[Entry], request: Request) -> Verdict:
        """Compare; it takes as long where there is nobody to compare with."""
        usable = [entry for entry in found if entry.refusal is None]
        if not usable:
            hashes.spend(request.password, self._usual, self._policy)
            return _refusal(found)
        problem = None
        for entry in usable:
            try:
                if self._matches(entry.stored, request):
                    return Verdict(Outcome.ACCEPTED, user=entry.user)
            except BackendError as error:
                problem = error  # another row may hold the right one
        if problem is not None:
            return Verdict(Outcome.UNAVAILABLE, str(problem), user=usable[0].user)
        return Verdict(Outcome.WRONG_PASSWORD, user=usable[0].user)

    async def verdict_on_loop(self, found: Sequence[Entry], request: Request) -> Verdict:
        """Compare without holding up the event loop, the urgent first."""
        if self.is_cheap(found):
            return self.verdict(found, request)
        async with self._turns.taken(is_urgent=request.is_urgent):
            return await hashes.on_thread(self.verdict, found, request)

    def _matches(self, stored: str, request: Request) -> bool:
        accepted = hashes.matches(stored, request.password, self._policy)
        self._usual = stored
        return accepted

    def _seconds(self, stored: str) -> float:
        try:
            return read(stored, self._policy).cost.seconds
        except BackendError:
            return 0.0  # nothing will be computed


def _refusal(found: Sequence[Entry]) -> Verdict:
    if not found:
        return Verdict(Outcome.UNKNOWN_USER)
    outcomes = [entry.refusal for entry in found]
    outcome = Outcome.DISABLED if Outcome.DISABLED in outcomes else Outcome.EXPIRED
    return Verdict(outcome, "by its row", user=found[0].user)


def _entry(row: dict[str, object], now: datetime) -> Entry:
    stored = _text(row["password"], "password")
    refusal = None
    if hashes.is_locked(stored) or not _is_active(row.get("active", True)):
        refusal = Outcome.DISABLED
    elif (expires := _moment(row.get("expires"))) is not None and expires <= now:
        refusal = Outcome.EXPIRED
    return Entry(stored, _text(row.get("user"), "user"), refusal)


def _text(value: object, column: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case _:
            raise Unavailable(f"{column}: expected text, got {type(value).__name__}")


def _is_active(value: object) -> bool:
    if isinstance(value, bytes):
        return any(value) and _is_active(value.decode("latin-1"))  # BIT(1) of MySQL: b"\0", b"\1"
    return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)


def _moment(value: object) -> datetime | None:
    """Read a time in UTC: a timestamp, a date (its first moment), seconds since 1970, or ISO 8601 in a text.

    MySQL's zero date is never, as MySQL itself takes it for NULL (8.4, 14.4.2 on IS NULL).
    """
    try:
        match value:
            case None:
                return None
            case datetime():
                return value if value.tzinfo else value.replace(tzinfo=UTC)
            case date():
                return datetime.combine(value, time(), UTC)
            case int() | float() | Decimal():
                return datetime.fromtimestamp(float(value), UTC)
            case str() if _ZERO_DATE.fullmatch(value):
                return None
            case str():
                return _moment(datetime.fromisoformat(value))
            case _:
                pass
    except (ValueError, OverflowError, OSError):
        pass
    raise Unavailable(f"expires: expected a time, got {type(value).__name__} that is none")
