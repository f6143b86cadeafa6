"""A connection of libpq on the event loop.

psycopg's own, when a question is cancelled, asks the server to end it and waits until it has (psycopg 3.3,
AsyncConnection.wait): a frozen server never does, and psycopg 3.1 would hold up the whole loop meanwhile. This one is
closed then, and the server ends the query by its statement_timeout.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from ipaddress import ip_address

from psycopg import Error, OperationalError, pq
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, PollingStatus
from psycopg.pq.abc import PGconn, PGresult

from authd_backends.sql.rows import MAX_ROWS, Table

_ROWS = {ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_OK}
_DONE = {ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY}
TEXT = 25  # the number of a type

_NEVER = re.compile(r"infinity|\d{5,}-.*")  # times that Python's datetime does not reach
_EVER = re.compile(r"-infinity|.* BC")


class StatementError(Exception):
    """What the server says of a statement; `state` is its SQLSTATE."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class Connection:
    """One statement at a time. What is cancelled leaves it closed."""

    def __init__(self, libpq: PGconn) -> None:
        self._libpq = libpq

    @classmethod
    async def establish(cls, conninfo: str) -> "Connection":
        """Connect and log in. The host's address has to be in `conninfo`: libpq would look it up and wait for it.

        Raises OperationalError with what libpq or the server says.
        """
        libpq: PGconn = pq.PGconn.connect_start(conninfo.encode())
        try:
            await _log_in(libpq)
        except BaseException:
            libpq.finish()
            raise
        return cls(libpq)

    @property
    def is_alive(self) -> bool:
        """Whether the server has not closed it, nor said that it will, as far as has been heard."""
        try:
            self._libpq.consume_input()
        except Error:
            return False
        return self._libpq.status == ConnStatus.OK

    def abort(self) -> None:
        """Close it at once."""
        self._libpq.finish()

    async def fetch(self, text: str, values: Sequence[str | None], types: Sequence[int] | None = None) -> Table:
        """Give what a statement with ``$1`` and so on answers, and no more than `MAX_ROWS` + 1 rows of it.

        A type that is 0, as all are by default, the server finds out. Raises StatementError, and OperationalError for
        a dead connection.
        """
        try:
            bound = [None if value is None else value.encode() for value in values]
            self._libpq.send_query_params(text.encode(), bound, types)
            self._libpq.set_single_row_mode()  # or libpq keeps every row before it gives the first
            return await self._table()
        except BaseException as error:
            if not isinstance(error, StatementError):
                self.abort()
            raise

    async def _table(self) -> Table:
        columns: tuple[str, ...] = ()
        rows: list[tuple[object, ...]] = []
        problem = None
        while (result := await self._result()) is not None:
            status = ExecStatus(result.status)
            if status in _ROWS:
                columns = tuple(_text(result.fname(column)) for column in range(result.nfields))
                rows += [_row(result, number) for number in range(result.ntuples)]
            elif status not in _DONE:
                if status != ExecStatus.FATAL_ERROR:  # of COPY libpq gives one result after the other, without end
                    raise OperationalError(f"expected rows or an error, got {status.name}")
                problem = _problem(result)
            if len(rows) > MAX_ROWS:
                self.abort()  # the rest would have to be read
                break
        if problem is not None:
            raise problem
        return Table(columns, rows)

    async def _result(self) -> PGresult | None:
        while self._libpq.flush():
            await _ready(self._libpq.socket, writing=True)
        while self._libpq.is_busy():
            await _ready(self._libpq.socket)
            self._libpq.consume_input()
        return self._libpq.get_result()


async def addresses_of(host: str, port: int) -> list[str]:
    """Look a host's addresses up, on a thread; an address is its own. Raises OSError."""
    with suppress(ValueError):
        return [str(ip_address(host))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


async def _log_in(libpq: PGconn) -> None:
    while (state := libpq.connect_poll()) != PollingStatus.OK:
        if state == PollingStatus.FAILED:
            raise OperationalError(_text(libpq.error_message))
        await _ready(libpq.socket, writing=state == PollingStatus.WRITING)
    libpq.nonblocking = 1


async def _ready(descriptor: int, *, writing: bool = False) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(descriptor, _wake, ready)
    try:
        await ready
    finally:
        remove(descriptor)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _problem(result: PGresult) -> StatementError:
    state, message = map(result.error_field, (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY))
    return StatementError(_text(state), _text(message) or _text(result.error_message))


def _text(found: bytes | None) -> str:
    return (found or b"").decode("utf-8", "surrogateescape").strip()


# ── values, by the numbers of their types (pg_type.dat) ──


def _row(result: PGresult, number: int) -> tuple[object, ...]:
    return tuple(_value(result.get_value(number, column), result.ftype(column)) for column in range(result.nfields))


def _value(found: bytes | None, kind: int) -> object:
    if found is None:
        return None
    text = found.decode("utf-8", "surrogateescape")
    try:
        return _KINDS[kind](text) if kind in _KINDS else text
    except (ValueError, ArithmeticError):
        raise OperationalError(f"expected a value of the type {kind}, got something else") from None


def _unpadded(text: str) -> str:
    return text.rstrip(" ")


def _moment(text: str) -> str | None:
    if _NEVER.fullmatch(text):
        return None
    return "0001-01-01" if _EVER.fullmatch(text) else text


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))


_KINDS: dict[int, Callable[[str], object]] = {
    17: _bytes,  # bytea
    20: int,  # int8
    21: int,  # int2
    23: int,  # int4
    700: float,  # float4
    701: float,  # float8
    1042: _unpadded,  # char(n)
    1082: _moment,  # date
    1114: _moment,  # timestamp
    1184: _moment,  # timestamptz
    1700: Decimal,  # numeric
}
