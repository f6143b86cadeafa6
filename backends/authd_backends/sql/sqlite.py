"""The backend `sqlite`: users in a table of a file."""

import sqlite3
from collections.abc import Hashable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar

from authd_backends import files
from authd_backends.contract import Outcome, Placement, Request, Verdict
from authd_backends.errors import OptionError, Unavailable
from authd_backends.kinds import Duration
from authd_backends.sql.options import QueryOptions, check_query_options, policy_of, statements_of
from authd_backends.sql.query import Statement, Values
from authd_backends.sql.rows import MAX_ROWS, Entry, Judge, Table, check_columns, entries
from authd_backends.sql.schemas import Dialect


@dataclass(frozen=True, kw_only=True, slots=True)
class SqliteOptions(QueryOptions):
    """As `QueryOptions`."""

    path: Path
    """The file."""
    busy_timeout: Annotated[float, Duration(maximum=60)] = 0.5
    """How long a writer is waited for."""

    def __post_init__(self) -> None:
        """Raises OptionError for options that contradict each other, and for a query that cannot be meant."""
        check_query_options(self, Dialect.SQLITE)


class SqliteBackend:
    """Opens the file for each check, read-only: a replaced one is seen at once, and no writer is kept waiting.

    A file in WAL mode, and its directory, have to be writable for us where nobody else has it open: SQLite makes the
    files beside it anew (sqlite.org/wal.html, section 5).
    """

    options_type: ClassVar[type] = SqliteOptions
    placement: ClassVar[Placement] = Placement.THREAD
    hashes_passwords: ClassVar[bool] = True

    def __init__(self, options: SqliteOptions) -> None:
        self._options = options
        self._statements = statements_of(options, Dialect.SQLITE)
        self.uses_client = any("client" in statement.names for statement in self._statements)
        self._judge = Judge(policy_of(options))

    def start(self) -> None:
        """Ask for nobody. Raises OptionError where the query is wrong, Unavailable where the file cannot be read."""
        with closing(self._open()) as database:
            for statement in self._statements:
                table = self._table(database, statement, dict.fromkeys(statement.names, ""))
                check_columns(table.columns, statement.option)

    def check(self, request: Request) -> Verdict:
        try:
            return self._judge.verdict(self._found(request), request)
        except Unavailable as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))

    def probe(self) -> None:
        """Read the file's head. Raises Unavailable."""
        with closing(self._open()):
            pass

    def close(self) -> None:
        """Nothing is open between checks."""

    def generation(self) -> Hashable:
        """Give the stamps of the file and of the log of a writer in WAL mode."""
        return files.stamp_or_none(self._options.path), files.stamp_or_none(_wal(self._options.path))

    def _found(self, request: Request) -> list[Entry]:
        with closing(self._open()) as database:
            for statement in self._statements:
                values = statement.bind(request)
                if values is None:
                    continue
                try:
                    found = entries(self._table(database, statement, values), datetime.now(UTC))
                except OptionError as error:  # the table was right at the start
                    raise Unavailable(str(error)) from error
                if found:
                    return found
        return []

    def _open(self) -> sqlite3.Connection:
        """Open the file and read its head. Raises Unavailable."""
        path = self._options.path
        _check_mode(path)
        try:
            database = sqlite3.connect(
                f"{path.as_uri()}?mode=ro", uri=True, timeout=self._options.busy_timeout, isolation_level=None
            )
        except sqlite3.Error as error:
            raise Unavailable(f"{path}: {error}") from error
        try:
            database.execute("PRAGMA query_only = true")
            database.execute("BEGIN")  # with what is read next, nobody changes the file until this is closed
            _check_length(
                path, *(database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            )
        except sqlite3.Error as error:
            database.close()
            raise Unavailable(f"{path}: {error}") from error
        except Unavailable:
            database.close()
            raise
        return database

    def _table(self, database: sqlite3.Connection, statement: Statement, values: Values) -> Table:
        """Raises OptionError for a query that SQLite does not understand, Unavailable for all else."""
        try:
            cursor = database.execute(statement.text, values)
            columns = tuple(column[0] for column in cursor.description or ())
            return Table(columns, cursor.fetchmany(MAX_ROWS + 1))
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if code & 0xFF == sqlite3.SQLITE_ERROR:  # the rest tells more of it
                raise OptionError(f"{statement.option}: {error}", statement.option) from error
            raise Unavailable(f"{self._options.path}: {error}") from error


def _check_mode(path: Path) -> None:
    """Raises Unavailable for what everybody may write, and for no file: SQLite only says that it cannot open it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    files.check_not_open_to_all(path, mode)


def _check_length(path: Path, pages: int, page_size: int) -> None:
    """Raises Unavailable for a file that was cut short: SQLite reads zeros behind its end, and finds nobody.

    While there is a log in WAL mode the last pages may be in it alone.
    """
    size = path.stat().st_size
    if size < pages * page_size and not _wal(path).exists():
        raise Unavailable(f"{path}: expected {pages * page_size} bytes, got {size}")


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
