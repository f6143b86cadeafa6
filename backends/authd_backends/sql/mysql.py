"""The backend `mysql`: users in tables of MySQL or MariaDB."""

import asyncio
import ssl
import struct
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from pymysql.err import Error

from authd_backends.errors import Unavailable
from authd_backends.sql.mysql_connection import Connection, Cursor, context_of
from authd_backends.sql.options import Server, ServerOptions, check_server_options, password_of, uses_tls
from authd_backends.sql.pool import Crowded, Down, Lost, Refused
from authd_backends.sql.query import Statement, Values
from authd_backends.sql.rows import MAX_ROWS, NO_ROWS, Table
from authd_backends.sql.schemas import Dialect
from authd_backends.sql.server_backend import ServerBackend

PORT = 3306
_MARGIN = 0.5  # seconds that a server may take to tell that it has ended a query

# mariadb.com/kb/en/mariadb-error-codes, dev.mysql.com/doc/mysql-errors
_CROWDED = {1040, 1203, 1226}  # too many connections: of all, of this user, within the hour
_LOST = {1053, 1152, 1184, 1927, 3169, 4031}  # shuts down, aborted, killed, idle for too long
_CLIENT = range(2000, 3000)  # what the client's side says: no route, no answer, no TLS
_MISTAKES = {1044, 1045, 1046, 1049, 1054, 1064, 1142, 1143, 1146, 1267, 1270, 1271, 1305, 1370, 1698}  # rights, syntax
_FOREIGN_TEXT = {1267, 1270, 1271, 1300, 3854, 3988}  # a value that the column's character set does not have

_NONSENSE = (AssertionError, IndexError, KeyError, ValueError, struct.error)  # PyMySQL's, of what is not its protocol
_FAILURES = (OSError, Error, RuntimeError, *_NONSENSE)  # RuntimeError: a way to log in that needs another library


@dataclass(frozen=True, kw_only=True, slots=True)
class MysqlOptions(ServerOptions):
    """As `ServerOptions`."""

    def __post_init__(self) -> None:
        """Raises OptionError for options that contradict each other, and for a query that cannot be meant."""
        check_server_options(self, Dialect.MYSQL, PORT)


class MysqlBackend(ServerBackend[Connection]):
    options_type: ClassVar[type] = MysqlOptions

    def __init__(self, options: MysqlOptions) -> None:
        super().__init__(options, Dialect.MYSQL, _Driver(options), PORT)


class _Driver:
    """MySQL's side of a `Pool`."""

    def __init__(self, options: MysqlOptions) -> None:
        self._options = options
        self._context: ssl.SSLContext | None = None

    def prepare(self) -> None:
        """Raises OptionError for certificates that cannot be used."""
        self.tls()

    def tls(self) -> ssl.SSLContext | None:
        """Give the certificates, which are read once. Raises OptionError."""
        if self._context is None and uses_tls(self._options):
            self._context = context_of(self._options)
        return self._context

    async def connect(self, server: Server) -> Connection:
        """Raises Down, Crowded, and Refused where the account is none of the server's."""
        connection = self._connection(server)
        try:
            async with asyncio.timeout(self._options.connect_deadline):
                await connection.establish()
                await self._set_up(connection)
                connection.is_at_rest = True
        except BaseException as error:
            connection.abort()
            if isinstance(error, TimeoutError):
                raise Down(f"expected a connection within {self._options.connect_deadline:g} s, got none") from error
            if isinstance(error, _FAILURES):
                _raise(error, Down)
            raise
        return connection

    def is_alive(self, connection: Connection) -> bool:
        alive: bool = connection.is_alive
        return alive

    def abort(self, connection: Connection) -> None:
        connection.abort()

    async def fetch(self, connection: Connection, statement: Statement, values: Values) -> Table:
        """Raises Lost and Down for a dead connection, Refused for a query that cannot be answered."""
        connection.is_at_rest = False
        try:
            async with asyncio.timeout(self._options.query_deadline + _MARGIN):
                cursor = await connection.cursor(Cursor)
                await cursor.execute(statement.text, values)
                rows = await cursor.fetchall()
        except TimeoutError as error:
            raise Down(f"expected rows within {self._options.query_deadline + _MARGIN:g} s, got none") from error
        except _FAILURES as error:
            if _code(error) in _FOREIGN_TEXT and not all((value or "").isascii() for value in values.values()):
                return NO_ROWS
            _raise(error, Lost)
        connection.is_at_rest = True
        return Table(tuple(column[0] for column in cursor.description or ()), rows)

    async def ping(self, connection: Connection) -> None:
        """Raises Lost and Down for a dead connection."""
        try:
            async with asyncio.timeout(self._options.query_deadline):
                await connection.ping(reconnect=False)
        except TimeoutError as error:
            raise Down(f"expected a sign of life within {self._options.query_deadline:g} s, got none") from error
        except _FAILURES as error:
            _raise(error, Lost)

    def _connection(self, server: Server) -> Connection:
        # PyMySQL encodes as Latin-1, the server's own programs send what was typed
        password = password_of(self._options).reveal().decode("latin-1")
        place = {"unix_socket": server.path} if server.path else {"host": server.host, "port": server.port}
        return Connection(
            **place,
            user=self._options.user,
            password=password,
            db=self._options.database,
            charset="utf8mb4",
            autocommit=True,  # a transaction would go on seeing yesterday's passwords
            ssl=None if server.path else self.tls(),
            program_name="authd",
        )

    async def _set_up(self, connection: Connection) -> None:
        """Make the session independent of the server's configuration, as `init_connect` is among it.

        The character set decides how values are quoted; rows beyond those that are needed are not sent.
        """
        seconds = self._options.query_deadline
        is_mariadb = "MariaDB" in connection.get_server_info()
        limit = f"max_statement_time = {seconds:g}" if is_mariadb else f"max_execution_time = {seconds * 1000:.0f}"
        await connection.query("SET NAMES utf8mb4")
        await connection.query("SET SESSION TRANSACTION READ ONLY")
        await connection.query(f"SET SESSION time_zone = '+00:00', sql_select_limit = {MAX_ROWS + 1}, {limit}")


def _raise(error: Exception, dead: type[Down]) -> NoReturn:
    """Say what an error means for who asks; `dead` where the connection is of no further use."""
    code, text = _code(error), _text(error)
    if code in _CROWDED:
        raise Crowded(text) from error
    if code in _MISTAKES:
        raise Refused(text) from error
    if code is None or code in _LOST or code in _CLIENT:
        raise dead(text) from error
    raise Unavailable(text) from error


def _code(error: BaseException) -> int | None:
    """Give the server's number, or None for what no server said."""
    innermost = _innermost(error)
    code = innermost.args[0] if innermost.args and isinstance(innermost, Error) else None
    return code if isinstance(code, int) else None


def _text(error: BaseException) -> str:
    innermost = _innermost(error)
    if isinstance(innermost, _NONSENSE) and not isinstance(innermost, OSError):  # as a wrong certificate is
        return f"expected the protocol of MySQL, got something else: {type(innermost).__name__}"
    return str(innermost.args[-1] if innermost.args else type(innermost).__name__)


def _innermost(error: BaseException) -> BaseException:
    """aiomysql 0.1 says "Can't connect" whatever the server said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
