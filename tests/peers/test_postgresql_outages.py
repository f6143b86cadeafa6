"""PostgreSQL stopped, restarted, frozen, out of connections, slow or behind a black hole, while clients log in.

Everybody knows his password, so whoever is refused was wronged.
"""

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest

from authd_backends import LoopBackend, Outcome, Request, Secret
from tests.servers.asking import loop_backend, on_loop
from tests.servers.box import Box
from tests.servers.outages import CLIENTS, cancelled, crowd_on, descriptors, slow_wire
from tests.servers.postgresql import PACKAGES as PACKAGES
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import DEADLINE

TABLES = """
CREATE TABLE users (login text PRIMARY KEY, password text);
INSERT INTO users VALUES ('alice', '{PLAIN}secret');
GRANT SELECT ON users TO authd;
"""
OURS = "FROM pg_stat_activity WHERE usename = 'authd'"


@pytest.fixture(scope="module")
def server(box: Box) -> Iterator[PostgreSQL]:
    yield from running(box, 5432)


@pytest.fixture(scope="module")
def second(box: Box) -> Iterator[PostgreSQL]:
    yield from running(box, 5433)


def running(box: Box, port: int) -> Iterator[PostgreSQL]:
    server = PostgreSQL(box, port=port, logged="none")
    server.start()
    server.execute("CREATE ROLE authd LOGIN PASSWORD 'secret'; CREATE DATABASE mail")
    server.execute(TABLES, "mail")
    yield server
    server.stop()


def backend_on(*hosts: str, query: str = "SELECT password FROM users WHERE login = :login") -> LoopBackend:
    deadlines = {"connect_deadline": "1s", "query_deadline": "1s"}
    account = {"user": "authd", "password": "secret", "database": "mail"}
    return loop_backend("postgresql", {"hosts": list(hosts), **account, "query": query, **deadlines})


def answered_by(server: PostgreSQL) -> int:
    return int(server.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = 'mail'"))


def test_a_restart_is_an_outage_of_seconds(server: PostgreSQL) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            await asyncio.to_thread(server.stop)
            await crowd.wait_for(Outcome.UNAVAILABLE)
            await asyncio.to_thread(server.start)

    on_loop(server.box, story)


def test_connections_that_died_while_nobody_asked_are_not_noticed(server: PostgreSQL) -> None:
    """The server was started anew in the night: the first login of the morning is right at once."""

    async def story() -> None:
        backend = backend_on(server.host)
        asked = Request("alice", Secret(b"secret"))
        await asyncio.gather(*(backend.check(asked) for _ in range(CLIENTS)))
        server.stop()
        server.start()
        for _ in range(2 * CLIENTS):
            assert (await backend.check(asked)).outcome is Outcome.ACCEPTED
        backend.close()

    on_loop(server.box, story)


def test_connections_that_the_server_kills_are_not_noticed(server: PostgreSQL) -> None:
    kept = f"SELECT pg_terminate_backend(pid) {OURS} AND backend_start < clock_timestamp() - interval '0.2 s'"

    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            for _ in range(10):
                await asyncio.to_thread(server.execute, kept)
                await crowd.wait_for(Outcome.ACCEPTED, 100)
            assert {login.outcome for login in crowd.logins} == {Outcome.ACCEPTED}

    on_loop(server.box, story)


def test_a_frozen_server_is_an_outage_until_it_goes_on(server: PostgreSQL) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            server.freeze()
            await crowd.wait_for(Outcome.UNAVAILABLE)
            server.thaw()

    on_loop(server.box, story)


@pytest.mark.parametrize("deed", ["stop", "freeze"])
def test_the_second_server_stands_in_until_the_first_is_back(server: PostgreSQL, second: PostgreSQL, deed: str) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1", "127.0.0.1:5433")) as crowd:
            await asyncio.to_thread(getattr(server, deed))
            await wait_for_more_on(second)
            await crowd.wait_for(Outcome.ACCEPTED)
            await asyncio.to_thread(server.thaw if deed == "freeze" else server.start)
            await wait_for_more_on(server)

    on_loop(server.box, story)


async def wait_for_more_on(server: PostgreSQL) -> None:
    before = await asyncio.to_thread(answered_by, server)
    async with asyncio.timeout(DEADLINE):
        while await asyncio.to_thread(answered_by, server) < before + 20:
            await asyncio.sleep(0.05)


def test_a_black_hole_is_left_for_the_next_server(server: PostgreSQL) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 5499)):  # takes connections and never says a word
            async with crowd_on(backend_on("127.0.0.1:5499", "127.0.0.1")):
                pass

    on_loop(server.box, story)


def test_a_slow_wire_delays_and_refuses_nobody(server: PostgreSQL) -> None:
    async def story() -> None:
        async with slow_wire(5499, 5432, 0.05), crowd_on(backend_on("127.0.0.1:5499")) as crowd:
            await crowd.wait_for(Outcome.ACCEPTED, 50)

    on_loop(server.box, story)


def test_all_servers_dead_is_an_outage_at_once(server: PostgreSQL) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 5499)):
            backend = backend_on("127.0.0.1:5499", "127.0.0.1:5498")
            asked = Request("alice", Secret(b"secret"))
            verdicts = await asyncio.gather(*(backend.check(asked) for _ in range(50)))
            assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
            began = asyncio.get_running_loop().time()
            verdicts = [await backend.check(asked) for _ in range(20)]
            probes = 2  # that may come due meanwhile, each up to its deadline
            assert asyncio.get_running_loop().time() - began < probes * 2 + 5
            assert all("got none" in verdict.reason or "failed" in verdict.reason for verdict in verdicts)
            backend.close()

    on_loop(server.box, story)


def test_who_finds_no_connection_left_waits_for_one_of_ours(server: PostgreSQL) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            settled = len(crowd.logins)  # at first the server may still count those of an earlier test
            await crowd.wait_for(Outcome.ACCEPTED, 200)
            assert {login.outcome for login in crowd.logins[settled:]} == {Outcome.ACCEPTED}

    with connections_of_authd(server, 3):
        on_loop(server.box, story)


def test_no_connection_left_for_us_at_all_is_an_outage(server: PostgreSQL) -> None:
    async def story() -> None:
        backend = backend_on("127.0.0.1")
        asked = Request("alice", Secret(b"secret"))
        with all_connections_of(server):
            verdict = await backend.check(asked)
            assert verdict.outcome is Outcome.UNAVAILABLE
            assert "remaining connection slots are reserved" in verdict.reason
        async with asyncio.timeout(DEADLINE):
            while (await backend.check(asked)).outcome is not Outcome.ACCEPTED:
                await asyncio.sleep(0.05)
        backend.close()

    on_loop(server.box, story)


@contextmanager
def all_connections_of(server: PostgreSQL) -> Iterator[None]:
    place = f"host={server.host} port={server.port} user=authd password=secret dbname=mail"
    with ExitStack() as hogs:
        with suppress(psycopg.OperationalError):
            while True:
                hogs.enter_context(psycopg.connect(place))
        yield


@contextmanager
def connections_of_authd(server: PostgreSQL, most: int) -> Iterator[None]:
    server.execute(f"ALTER ROLE authd CONNECTION LIMIT {most}")
    yield
    server.execute("ALTER ROLE authd CONNECTION LIMIT -1")


def test_a_query_that_takes_too_long_is_ended_on_the_server_too(server: PostgreSQL) -> None:
    query = "SELECT password FROM users WHERE login = :login AND pg_sleep(60) IS NOT NULL"

    async def story() -> None:
        backend = backend_on("127.0.0.1", query=query)
        verdict = await backend.check(Request("alice", Secret(b"secret")))
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert "statement timeout" in verdict.reason
        backend.close()

    on_loop(server.box, story)
    assert server.execute(f"SELECT count(*) {OURS} AND state = 'active'") == "0"


def test_a_name_that_nobody_knows_is_left_for_the_next_server(server: PostgreSQL) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("nowhere.invalid", "localhost")):
            pass

    on_loop(server.box, story)


def test_nothing_is_left_behind(server: PostgreSQL) -> None:
    async def story() -> None:
        await asyncio.to_thread(len, "")  # the loop's own thread
        files, threads = descriptors(), threading.active_count()
        backend = backend_on("127.0.0.1", "127.0.0.1:5498")
        async with crowd_on(backend) as crowd:
            for _ in range(3):
                server.freeze()
                await cancelled(backend)
                server.thaw()
                await crowd.wait_for(Outcome.ACCEPTED, 200)
            while len(crowd.logins) < 10_000:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        gc.collect()
        async with asyncio.timeout(DEADLINE):
            while descriptors() > files or await open_connections():
                await asyncio.sleep(0.05)
        assert threading.active_count() <= threads
        assert len(asyncio.all_tasks()) == 1

    async def open_connections() -> bool:
        return await asyncio.to_thread(server.execute, f"SELECT count(*) {OURS}") != "0"

    on_loop(server.box, story)
