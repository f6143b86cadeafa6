"""What backends that ask servers have in common, which is all but the driver."""

import asyncio
import logging
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from authd_backends.contract import Outcome, Placement, Request, Verdict
from authd_backends.errors import OptionError, Unavailable
from authd_backends.sql import pool
from authd_backends.sql.options import ServerOptions, policy_of, servers_of, statements_of, unprotected
from authd_backends.sql.query import Statement, Values
from authd_backends.sql.rows import Entry, Judge, Table, check_columns, entries
from authd_backends.sql.schemas import Dialect

log = logging.getLogger(__name__)

C = TypeVar("C")


class Driver(pool.Driver[C], Protocol[C]):
    """What else is needed of a database."""

    def prepare(self) -> None:
        """Read what the options name. Raises OptionError."""

    async def fetch(self, connection: C, statement: Statement, values: Values) -> Table:
        """Raises Lost and Down for a dead connection, Refused for a query that cannot be answered."""

    async def ping(self, connection: C) -> None:
        """Raises Lost and Down for a dead connection."""


class ServerBackend(Generic[C]):
    """Asks the first server that answers; see `Pool`. Its types add their options and driver."""

    placement: ClassVar[Placement] = Placement.LOOP
    hashes_passwords: ClassVar[bool] = False  # at most as many at once as there are cores: see hashes.on_thread

    def __init__(self, options: ServerOptions, dialect: Dialect, driver: Driver[C], port: int) -> None:
        self._statements = statements_of(options, dialect)
        self._servers = servers_of(options.hosts, port)
        self._driver = driver
        self._pool = pool.Pool(driver, self._servers)
        self._judge = Judge(policy_of(options))
        self._unprotected = unprotected(options, self._servers)
        self.uses_client = any("client" in statement.names for statement in self._statements)

    def start(self) -> None:
        """Ask the first server that answers for nobody.

        Raises OptionError where it refuses the account or the query, or gives other columns than are needed;
        Unavailable where none answers.
        """
        for server in self._unprotected:
            log.warning("hosts: %s is asked without TLS: hashes travel in the clear", server)
        self._driver.prepare()
        with ThreadPoolExecutor(1, "start") as thread:  # this one may be busy with a loop of its own
            thread.submit(asyncio.run, self._look()).result()

    async def check(self, request: Request) -> Verdict:
        try:
            found = await self._found(request)
        except Unavailable as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))
        return await self._judge.verdict_on_loop(found, request)

    async def probe(self) -> None:
        """Have a server say that it is there. Raises Unavailable."""
        await self._pool.ask(self._driver.ping)

    def close(self) -> None:
        self._pool.close()

    def generation(self) -> Hashable:
        """A server does not tell."""
        return None

    async def _found(self, request: Request) -> list[Entry]:
        bound = [(statement, statement.bind(request)) for statement in self._statements]
        asked = [(statement, values) for statement, values in bound if values is not None]

        async def question(connection: C) -> list[Entry]:
            for statement, values in asked:
                if found := entries(await self._driver.fetch(connection, statement, values), datetime.now(UTC)):
                    return found
            return []

        return await self._pool.ask(question) if asked else []

    async def _look(self) -> None:
        problems: list[str] = []
        for server in self._servers:
            try:
                connection = await self._driver.connect(server)
            except pool.Refused as refusal:
                raise OptionError(f"{server}: {refusal}") from refusal
            except Unavailable as outage:
                problems.append(f"{server}: {outage}")
                continue
            try:
                await self._try_statements(connection)
            finally:
                self._driver.abort(connection)
            return
        raise Unavailable("; ".join(problems))

    async def _try_statements(self, connection: C) -> None:
        for statement in self._statements:
            nobody: Values = {name: None if name == "client" else "" for name in statement.names}
            try:
                table = await self._driver.fetch(connection, statement, nobody)
            except pool.Refused as refusal:
                raise OptionError(f"{statement.option}: {refusal}", statement.option) from refusal
            check_columns(table.columns, statement.option)
