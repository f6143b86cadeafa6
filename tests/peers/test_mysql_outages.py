"""MariaDB stopped, restarted, frozen, out of connections, slow or behind a black hole, while clients log in.

Everybody knows his password, so whoever is refused was wronged.
"""

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from authd_backends import LoopBackend, Outcome, Request, Secret
from tests.servers.asking import loop_backend, on_loop
from tests.servers.box import Box
from tests.servers.mariadb import PACKAGES as PACKAGES
from tests.servers.mariadb import MariaDB
from tests.servers.outages import CLIENTS, cancelled, crowd_on, descriptors, slow_wire
from tests.servers.process import DEADLINE

TABLES = """
CREATE DATABASE mail;
CREATE TABLE mail.users (login VARCHAR(100) PRIMARY KEY, password VARCHAR(255));
INSERT INTO mail.users VALUES ('alice', '{PLAIN}secret');
CREATE USER authd;
GRANT SELECT ON mail.* TO authd;
"""


@pytest.fixture(scope="module")
def server(box: Box) -> Iterator[MariaDB]:
    yield from running(box, 3306)


@pytest.fixture(scope="module")
def second(box: Box) -> Iterator[MariaDB]:
    yield from running(box, 3307)


def running(box: Box, port: int) -> Iterator[MariaDB]:
    server = MariaDB(box, port=port)
    server.start()
    server.execute(TABLES)
    yield server
    server.stop()


def backend_on(*hosts: str, query: str = "SELECT password FROM users WHERE login = :login") -> LoopBackend:
    deadlines = {"connect_deadline": "1s", "query_deadline": "1s"}
    return loop_backend(
        "mysql", {"hosts": list(hosts), "user": "authd", "database": "mail", "query": query, **deadlines}
    )


def accepted_by(server: MariaDB) -> int:
    return server.general_log.count("SELECT password FROM users WHERE login = 'alice'")


def test_a_restart_is_an_outage_of_seconds(server: MariaDB) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            await asyncio.to_thread(server.stop)
            await crowd.wait_for(Outcome.UNAVAILABLE)
            await asyncio.to_thread(server.start)

    on_loop(server.box, story)


def test_connections_that_died_while_nobody_asked_are_not_noticed(server: MariaDB) -> None:
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


def test_connections_that_the_server_kills_are_not_noticed(server: MariaDB) -> None:
    kill = "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE user = 'authd'"

    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            for _ in range(3):
                for line in (await asyncio.to_thread(server.execute, kill)).splitlines():
                    await asyncio.to_thread(server.box.run, [*server.client, "-e", line], expect=None)
            assert {login.outcome for login in crowd.logins} == {Outcome.ACCEPTED}

    on_loop(server.box, story)


def test_a_frozen_server_is_an_outage_until_it_goes_on(server: MariaDB) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            server.freeze()
            await crowd.wait_for(Outcome.UNAVAILABLE)
            server.thaw()

    on_loop(server.box, story)


@pytest.mark.parametrize("deed", ["stop", "freeze"])
def test_the_second_server_stands_in_until_the_first_is_back(server: MariaDB, second: MariaDB, deed: str) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1", "127.0.0.1:3307")) as crowd:
            before = accepted_by(second)
            await asyncio.to_thread(getattr(server, deed))
            await wait_for_more(second, before)
            await crowd.wait_for(Outcome.ACCEPTED)
            returned = accepted_by(server)
            await asyncio.to_thread(server.thaw if deed == "freeze" else server.start)
            await wait_for_more(server, returned)

    on_loop(server.box, story)


async def wait_for_more(server: MariaDB, before: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while accepted_by(server) < before + 20:
            await asyncio.sleep(0.05)


def test_a_black_hole_is_left_for_the_next_server(server: MariaDB) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 3399)):  # takes connections and never says a word
            async with crowd_on(backend_on("127.0.0.1:3399", "127.0.0.1")):
                pass

    on_loop(server.box, story)


def test_a_slow_wire_delays_and_refuses_nobody(server: MariaDB) -> None:
    async def story() -> None:
        async with slow_wire(3399, 3306, 0.05), crowd_on(backend_on("127.0.0.1:3399")) as crowd:
            await crowd.wait_for(Outcome.ACCEPTED, 50)

    on_loop(server.box, story)


def test_all_servers_dead_is_an_outage_at_once(server: MariaDB) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 3399)):
            backend = backend_on("127.0.0.1:3399", "127.0.0.1:3398")
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


def test_who_finds_no_connection_left_waits_for_one_of_ours(server: MariaDB) -> None:
    async def story() -> None:
        async with crowd_on(backend_on("127.0.0.1")) as crowd:
            settled = len(crowd.logins)  # at first the server may still count those of an earlier test
            await crowd.wait_for(Outcome.ACCEPTED, 200)
            assert {login.outcome for login in crowd.logins[settled:]} == {Outcome.ACCEPTED}

    with connections_of_authd(server, 3):
        on_loop(server.box, story)


def test_no_connection_left_for_us_at_all_is_an_outage(server: MariaDB) -> None:
    async def story() -> None:
        backend, hog = backend_on("127.0.0.1"), backend_on("127.0.0.1")
        asked = Request("alice", Secret(b"secret"))
        assert (await hog.check(asked)).outcome is Outcome.ACCEPTED
        verdict = await backend.check(asked)
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert "max_user_connections" in verdict.reason
        hog.close()
        async with asyncio.timeout(DEADLINE):
            while (await backend.check(asked)).outcome is not Outcome.ACCEPTED:
                await asyncio.sleep(0.05)
        backend.close()

    with connections_of_authd(server, 1):
        on_loop(server.box, story)


@contextmanager
def connections_of_authd(server: MariaDB, most: int) -> Iterator[None]:
    server.execute(f"ALTER USER authd WITH MAX_USER_CONNECTIONS {most}")
    yield
    server.execute("ALTER USER authd WITH MAX_USER_CONNECTIONS 0")


def test_a_query_that_takes_too_long_is_ended_on_the_server_too(server: MariaDB) -> None:
    query = "SELECT password FROM users WHERE login = :login AND SLEEP(60) = 0"

    async def story() -> None:
        backend = backend_on("127.0.0.1", query=query)
        verdict = await backend.check(Request("alice", Secret(b"secret")))
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert "max_statement_time" in verdict.reason
        backend.close()

    on_loop(server.box, story)
    under_way = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'authd' AND info IS NOT NULL"
    assert server.execute(under_way) == "0"


def test_nothing_is_left_behind(server: MariaDB) -> None:
    async def story() -> None:
        await asyncio.to_thread(len, "")  # the loop's own thread
        files, threads = descriptors(), threading.active_count()
        backend = backend_on("127.0.0.1", "127.0.0.1:3398")
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
        count = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'authd'"
        return await asyncio.to_thread(server.execute, count) != "0"

    on_loop(server.box, story)
