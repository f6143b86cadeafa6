"""The backend `postgresql`: users in tables of PostgreSQL."""

import asyncio
import re
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from psycopg import Error

from authd_backends.errors import Unavailable
from authd_backends.sql.options import Server, ServerOptions, check_server_options
from authd_backends.sql.pool import Crowded, Down, Lost, Refused
from authd_backends.sql.postgresql_connection import TEXT, Connection, StatementError
from authd_backends.sql.postgresql_conninfo import PORT, check_files, conninfo_of
from authd_backends.sql.query import Statement, Values
from authd_backends.sql.rows import NO_ROWS, Table
from authd_backends.sql.schemas import Dialect
from authd_backends.sql.server_backend import ServerBackend

_MARGIN = 0.5  # seconds that a server may take to tell that it has ended a query

# SQLSTATEs of PostgreSQL 15, appendix A; those of two characters are classes
_LOST = ("08", "57P", "25P03")  # broken, shut down, crashed, idle for too long
_MISTAKES = ("28", "3D000", "3F000", "42", "25006")  # account, database, syntax, names, rights, a query that writes
_UNDECIDED = {"42P08", "42P18"}  # what type a parameter has, as in concat($1, '@', $2)
_NUMBER = re.compile(r"\$(\d+)")
_FOREIGN_TEXT = ("22021", "22P05")  # a value that the database's encoding does not have

# Of a login libpq gives no SQLSTATE. Where the server speaks another language these count as a server that is down.
_NO_PLACE = re.compile(r"too many (clients|connections)|remaining connection slots are reserved")
_NO_ENTRY = re.compile(
    r"authentication failed|no pg_hba\.conf entry|does not exist|not permitted|permission denied|valid client cert"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresqlOptions(ServerOptions):
    """As `ServerOptions`; a Unix socket is the folder that it is in, or the path of the socket itself."""

    def __post_init__(self) -> None:
        """Raises OptionError for options that contradict each other, and for a query that cannot be meant."""
        check_server_options(self, Dialect.POSTGRESQL, PORT)


class PostgresqlBackend(ServerBackend[Connection]):
    options_type: ClassVar[type] = PostgresqlOptions

    def __init__(self, options: PostgresqlOptions) -> None:
        super().__init__(options, Dialect.POSTGRESQL, _Driver(options), PORT)


class _Driver:
    """PostgreSQL's side of a `Pool`."""

    def __init__(self, options: PostgresqlOptions) -> None:
        self._options = options
        self._texts: set[tuple[str, str]] = set()  # statements and names that are text there

    def prepare(self) -> None:
        """Raises OptionError for files that cannot be read."""
        check_files(self._options)

    async def connect(self, server: Server) -> Connection:
        """Raises Down, Crowded, and Refused where the account is none of the server's."""
        deadline = self._options.connect_deadline
        connection = None
        try:
            async with asyncio.timeout(deadline):
                connection = await Connection.establish(await conninfo_of(self._options, server))
                await connection.fetch(*self._set_up())
        except TimeoutError as error:
            raise Down(f"expected a connection within {deadline:g} s, got none") from error
        except (OSError, Error) as error:
            _refuse(error)
        except StatementError as error:
            assert connection is not None
            connection.abort()
            _raise(error)
        return connection

    def is_alive(self, connection: Connection) -> bool:
        return connection.is_alive

    def abort(self, connection: Connection) -> None:
        connection.abort()

    async def fetch(self, connection: Connection, statement: Statement, values: Values) -> Table:
        """Raises Lost and Down for a dead connection, Refused for a query that cannot be answered."""
        try:
            async with asyncio.timeout(self._options.query_deadline + _MARGIN):
                return await self._rows(connection, statement, values)
        except TimeoutError as error:
            raise Down(f"expected rows within {self._options.query_deadline + _MARGIN:g} s, got none") from error
        except Error as error:
            raise Lost(_one_line(error)) from error
        except StatementError as error:
            if error.state in _FOREIGN_TEXT and not all((value or "").isascii() for value in values.values()):
                return NO_ROWS
            _raise(error)

    async def _rows(self, connection: Connection, statement: Statement, values: Values) -> Table:
        """Bind without types, so that the columns decide (citext, names of any length), but for what none decides."""
        names = sorted(values)
        text = statement.text % {name: f"${number}" for number, name in enumerate(names, 1)}
        while True:
            types = [TEXT if (text, name) in self._texts else 0 for name in names]
            try:
                return await connection.fetch(text, [values[name] for name in names], types)
            except StatementError as error:
                found = _NUMBER.search(str(error)) if error.state in _UNDECIDED else None
                if found is None or types[int(found[1]) - 1] == TEXT:
                    raise
                self._texts.add((text, names[int(found[1]) - 1]))

    async def ping(self, connection: Connection) -> None:
        """Raises Lost and Down for a dead connection."""
        await self.fetch(connection, Statement("SELECT 1", frozenset()), {})

    def _set_up(self) -> tuple[str, tuple[str, ...]]:
        """Make the session independent of the configuration of server and role, in one statement."""
        settings = {
            "statement_timeout": f"{self._options.query_deadline * 1000:.0f}",
            "default_transaction_read_only": "on",
            "TimeZone": "UTC",
            "DateStyle": "ISO",
            "bytea_output": "hex",
            "standard_conforming_strings": "on",
        }
        calls = (f"set_config('{name}', ${number}, false)" for number, name in enumerate(settings, 1))
        return f"SELECT {', '.join(calls)}", tuple(settings.values())


def _refuse(error: Exception) -> NoReturn:
    """Say what a failed login means."""
    text = _one_line(error)
    if _NO_PLACE.search(text):
        raise Crowded(text) from error
    if _NO_ENTRY.search(text):
        raise Refused(text) from error
    raise Down(text) from error


def _raise(error: StatementError) -> NoReturn:
    """Say what a failed statement means."""
    if error.state.startswith(_LOST):
        raise Lost(str(error)) from error
    if error.state.startswith(_MISTAKES):
        raise Refused(str(error)) from error
    raise Unavailable(str(error)) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
