"""MariaDB, PostgreSQL and slapd stopped, frozen, out of connections, slow or behind a black hole, while clients log in.

Everybody knows his password, so whoever is refused was wronged.
"""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from authd_backends import Outcome
from tests.servers.asking import on_loop
from tests.servers.box import Box
from tests.servers.outages import ALICE, CLIENTS, black_hole, cancelled, crowd_on, descriptors
from tests.servers.process import DEADLINE
from tests.servers.sites import KINDS, Site, SqlSite
from tests.servers.sites import PACKAGES as PACKAGES
from tests.servers.slapd import PEOPLE
from tests.servers.wire import byte_by_byte, later, wire

SILENT, NOBODY, RELAY = ("127.0.0.1", 5999), ("127.0.0.1", 5998), ("127.0.0.1", 5997)
BY_BIND = {"method": "bind", "dn": f"uid={{login}},{PEOPLE}"}  # as LDAP's other method, "search", with no search
WAYS = [*((kind, {}) for kind in KINDS), ("ldap", BY_BIND)]

each_way = pytest.mark.parametrize(("site", "options"), WAYS, indirect=["site"], ids=[*KINDS, "ldap by bind"])
sql_only = pytest.mark.parametrize("site", ["mysql", "postgresql"], indirect=True)


@pytest.fixture(scope="module")
def site_of(box: Box) -> Iterator[Callable[[str], Site]]:
    """Gives a kind's servers, started when they are first asked for."""
    with ExitStack() as ends:

        @cache
        def site_of(kind: str) -> Site:
            site = KINDS[kind](box)
            ends.callback(site.first.stop)
            ends.callback(site.second.stop)
            return site

        yield site_of


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, site_of: Callable[[str], Site]) -> Site:
    return site_of(request.param)


# ── of one server ──


def test_a_restart_is_an_outage_of_seconds(site: Site) -> None:
    async def story() -> None:
        async with crowd_on(site.backend(site.host(site.places[0]))) as crowd:
            await asyncio.to_thread(site.first.stop)
            await crowd.wait_for(Outcome.UNAVAILABLE)
            await asyncio.to_thread(site.first.start)

    on_loop(site.box, story)


def test_connections_that_died_while_nobody_asked_are_not_noticed(site: Site) -> None:
    """The server was started anew in the night: the first login of the morning is right at once."""

    async def story() -> None:
        backend = site.backend(site.nearest)
        await asyncio.gather(*(backend.check(ALICE) for _ in range(CLIENTS)))
        site.first.stop()
        site.first.start()
        for _ in range(2 * CLIENTS):
            assert (await backend.check(ALICE)).outcome is Outcome.ACCEPTED
        backend.close()

    on_loop(site.box, story)


@sql_only
def test_connections_that_the_server_kills_are_not_noticed(site: SqlSite) -> None:
    async def story() -> None:
        async with crowd_on(site.backend(site.host(site.places[0]))) as crowd:
            for _ in range(5):
                await asyncio.to_thread(site.kill_connections)
                await crowd.wait_for(Outcome.ACCEPTED, 100)
            assert {login.outcome for login in crowd.logins} == {Outcome.ACCEPTED}

    on_loop(site.box, story)


@each_way
def test_a_frozen_server_is_an_outage_until_it_goes_on(site: Site, options: dict[str, object]) -> None:
    async def story() -> None:
        async with crowd_on(site.backend(site.host(site.places[0]), **options)) as crowd:
            site.first.freeze()
            await crowd.wait_for(Outcome.UNAVAILABLE)
            site.first.thaw()

    on_loop(site.box, story)


def test_a_slow_wire_delays_and_refuses_nobody(site: Site) -> None:
    async def story() -> None:
        slow = wire(RELAY, site.places[0], later(0.05), byte_by_byte)
        async with slow, crowd_on(site.backend(site.host(RELAY))) as crowd:
            await crowd.wait_for(Outcome.ACCEPTED, 50)

    on_loop(site.box, story)


def test_who_finds_no_connection_left_waits_for_one_of_ours(site: Site) -> None:
    async def story() -> None:
        async with crowd_on(site.backend(host)) as crowd:
            settled = len(crowd.logins)  # at first the server may still count those of an earlier test
            await crowd.wait_for(Outcome.ACCEPTED, 200)
            assert {login.outcome for login in crowd.logins[settled:]} == {Outcome.ACCEPTED}

    with site.few_connections() as host:
        on_loop(site.box, story)


@sql_only
def test_no_connection_left_for_us_at_all_is_an_outage(site: SqlSite) -> None:
    async def story() -> None:
        backend = site.backend(site.host(site.places[0]))
        with site.no_connection_left():
            verdict = await backend.check(ALICE)
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert site.none_left in verdict.reason
        async with asyncio.timeout(DEADLINE):
            while (await backend.check(ALICE)).outcome is not Outcome.ACCEPTED:
                await asyncio.sleep(0.05)
        backend.close()

    on_loop(site.box, story)


@sql_only
def test_a_query_that_takes_too_long_is_ended_on_the_server_too(site: SqlSite) -> None:
    async def story() -> None:
        backend = site.backend(site.host(site.places[0]), query=site.endless_query)
        verdict = await backend.check(ALICE)
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert site.query_is_ended in verdict.reason
        backend.close()

    on_loop(site.box, story)
    assert site.queries_under_way() == 0


# ── of several ──


@each_way
@pytest.mark.parametrize("deed", ["stop", "freeze"])
def test_the_second_server_stands_in_until_the_first_is_back(site: Site, deed: str, options: dict[str, object]) -> None:
    async def story() -> None:
        async with crowd_on(site.backend(*map(site.host, site.places), **options)) as crowd:
            await asyncio.to_thread(getattr(site.first, deed))
            await more_logins(site, site.second)
            await crowd.wait_for(Outcome.ACCEPTED)
            await asyncio.to_thread(site.first.thaw if deed == "freeze" else site.first.start)
            await more_logins(site, site.first)

    on_loop(site.box, story)


async def more_logins(site: Site, server: object) -> None:
    before = await asyncio.to_thread(site.logins, server)
    async with asyncio.timeout(DEADLINE):
        while await asyncio.to_thread(site.logins, server) < before + 3 * CLIENTS:
            await asyncio.sleep(0.05)


def test_a_black_hole_is_left_for_the_next_server(site: Site) -> None:
    async def story() -> None:
        with black_hole(SILENT):
            hosts = (site.host(SILENT), site.host(site.places[0]))
            async with crowd_on(site.backend(*hosts, connect_deadline="300ms")):
                pass

    on_loop(site.box, story)


def test_a_server_that_says_no_word_is_left_for_the_next(site: Site) -> None:
    async def story() -> None:
        with socket.create_server(SILENT):
            hosts = (site.host(SILENT), site.host(site.places[0]))
            async with crowd_on(site.backend(*hosts, connect_deadline="300ms")):
                pass

    on_loop(site.box, story)


def test_a_name_that_nobody_knows_is_left_for_the_next_server(site: Site) -> None:
    async def story() -> None:
        _, port = site.places[0]
        async with crowd_on(site.backend(site.host(("nowhere.invalid", port)), site.host(("localhost", port)))):
            pass

    on_loop(site.box, story)


def test_all_servers_dead_is_an_outage_at_once(site: Site) -> None:
    async def story() -> None:
        with socket.create_server(SILENT):
            backend = site.backend(site.host(SILENT), site.host(NOBODY))
            verdicts = await asyncio.gather(*(backend.check(ALICE) for _ in range(50)))
            assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
            began = asyncio.get_running_loop().time()
            verdicts = [await backend.check(ALICE) for _ in range(20)]
            assert asyncio.get_running_loop().time() - began < 10  # and not 20 times 1 s: two probes may come due
            assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
            assert all(verdict.reason for verdict in verdicts)
            backend.close()

    on_loop(site.box, story)


# ── afterwards ──


def test_nothing_is_left_behind(site: Site) -> None:
    async def story() -> None:
        await asyncio.to_thread(len, "")  # the loop's own thread
        files, threads = descriptors(), threading.active_count()
        backend = site.backend(site.host(site.places[0]), site.host(NOBODY))
        async with crowd_on(backend) as crowd:
            for _ in range(3):
                site.first.freeze()
                await cancelled(backend)
                site.first.thaw()
                await crowd.wait_for(Outcome.ACCEPTED, 200)
            while len(crowd.logins) < 10_000:
                await asyncio.sleep(0.05)
        gc.collect()
        async with asyncio.timeout(DEADLINE):
            while descriptors() > files or threading.active_count() > threads or len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.05)
            while await asyncio.to_thread(site.open_connections):
                await asyncio.sleep(0.05)

    before = site.connections_made()
    on_loop(site.box, story)
    assert 0 < site.connections_made() - before < 300
