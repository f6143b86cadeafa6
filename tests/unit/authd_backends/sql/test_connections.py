"""Connections to one server: kept, handed out and given up, on a driver that is told what to do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from authd_backends import Unavailable
from authd_backends.sql import connections
from authd_backends.sql.connections import Connections, Crowded, Down, Lost
from authd_backends.sql.options import Server


@dataclass(eq=False)
class Connection:
    number: int
    alive: bool = True


@dataclass
class Database:
    """A server of so many places, on which a query waits for the gate."""

    places: int = 100
    made: int = 0
    open: list[Connection] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, server: Server) -> Connection:  # noqa: ARG002  # the contract has it
        await asyncio.sleep(0)
        if len(self.open) >= self.places:
            raise Crowded("too many connections")
        self.made += 1
        self.open.append(Connection(self.made))
        return self.open[-1]

    def is_alive(self, connection: Connection) -> bool:
        return connection.alive

    def abort(self, connection: Connection) -> None:
        self.open.remove(connection)

    async def query(self, connection: Connection) -> int:
        await self.gate.wait()
        return connection.number


async def waiting(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@contextmanager
def connected(places: int = 100, *, waits: bool = False) -> Iterator[tuple[Database, Connections[Connection]]]:
    """Give a database and the connections to it, of which none is left behind the block; `waits`: the gate is shut."""
    database = Database(places)
    if not waits:
        database.gate.set()
    pool = Connections(database, Server("db1", 1))
    yield database, pool
    pool.close()
    assert database.open == []


def test_a_connection_is_kept_and_used_again() -> None:
    async def told() -> None:
        with connected() as (database, pool):
            assert [await pool.ask(database.query) for _ in range(3)] == [1, 1, 1]

    asyncio.run(told())


def test_as_many_are_made_as_are_asked_at_once() -> None:
    async def told() -> None:
        with connected() as (database, pool):
            assert sorted(await asyncio.gather(*(pool.ask(database.query) for _ in range(3)))) == [1, 2, 3]
            assert len(database.open) == 3

    asyncio.run(told())


def test_one_that_was_closed_meanwhile_is_not_used() -> None:
    async def told() -> None:
        with connected() as (database, pool):
            await pool.ask(database.query)
            database.open[0].alive = False
            assert await pool.ask(database.query) == 2
            assert len(database.open) == 1

    asyncio.run(told())


def test_one_that_turns_out_dead_is_replaced_with_all_its_like_and_asked_once_more() -> None:
    async def told() -> None:
        with connected() as (database, pool):
            await asyncio.gather(*(pool.ask(database.query) for _ in range(3)))

            async def dead_if_old(connection: Connection) -> int:
                if connection.number <= 3:
                    raise Lost("gone away")
                return connection.number

            assert await pool.ask(dead_if_old) == 4
            assert [each.number for each in database.open] == [4]

    asyncio.run(told())


def test_a_new_one_that_is_dead_is_not_tried_again() -> None:
    async def told() -> None:
        with connected() as (database, pool):

            async def dead(connection: Connection) -> int:
                raise Lost("gone away")

            with pytest.raises(Lost):
                await pool.ask(dead)
            assert database.made == 1
            assert database.open == []

    asyncio.run(told())


@pytest.mark.parametrize(("error", "kept"), [(Unavailable("no such table"), 1), (Down("silent"), 0), (ValueError(), 0)])
def test_what_the_server_says_keeps_a_connection_and_all_else_closes_it(error: Exception, kept: int) -> None:
    async def told() -> None:
        with connected() as (database, pool):

            async def failing(connection: Connection) -> int:
                raise error

            with pytest.raises(type(error)):
                await pool.ask(failing)
            assert len(database.open) == kept

    asyncio.run(told())


def test_who_stops_waiting_leaves_no_connection_behind() -> None:
    async def told() -> None:
        with connected(waits=True) as (database, pool):
            asked = asyncio.create_task(pool.ask(database.query))
            await waiting()
            assert len(database.open) == 1
            asked.cancel()
            await waiting()
            assert database.open == []

    asyncio.run(told())


def test_where_the_server_has_none_left_everybody_gets_one_of_ours_in_turn() -> None:
    async def told() -> None:
        with connected(2) as (database, pool):
            answers = await asyncio.gather(*(pool.ask(database.query) for _ in range(20)))
            assert set(answers) == {1, 2}

    asyncio.run(told())


def test_where_the_server_has_none_at_all_nobody_waits() -> None:
    async def told() -> None:
        with connected(0) as (database, pool):
            answers = await asyncio.gather(*(pool.ask(database.query) for _ in range(20)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {Crowded}

    asyncio.run(told())


def test_a_place_that_comes_free_with_a_dead_connection_is_taken_by_who_waits() -> None:
    async def told() -> None:
        with connected(1, waits=True) as (database, pool):
            first, second, third = (asyncio.create_task(pool.ask(database.query)) for _ in range(3))
            await waiting()
            second.cancel()
            first.cancel()
            await waiting()
            database.gate.set()
            assert await third == 2

    asyncio.run(told())


def test_after_the_end_what_comes_back_is_closed() -> None:
    async def told() -> None:
        with connected(waits=True) as (database, pool):
            asked = asyncio.create_task(pool.ask(database.query))
            await waiting()
            pool.close()
            database.gate.set()
            assert await asked == 1
            assert database.open == []

    asyncio.run(told())


def test_what_nobody_needs_any_more_is_closed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LONGEST_IDLE", 0.05)

    async def told() -> None:
        with connected() as (database, pool):
            await asyncio.gather(*(pool.ask(database.query) for _ in range(3)))
            async with asyncio.timeout(30):
                while database.open:
                    await asyncio.sleep(0.01)

    asyncio.run(told())
