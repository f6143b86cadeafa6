"""slapd stopped, restarted, frozen, out of connections, slow or behind a black hole, while clients log in.

Everybody knows his password, so whoever is refused was wronged.
"""

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from authd_backends import LoopBackend, Outcome, Request, Secret
from authd_backends.ldap.pool import MAX_OPENING
from tests.servers.asking import Crowd, loop_backend, on_loop
from tests.servers.box import Box
from tests.servers.ldap import USUAL
from tests.servers.process import DEADLINE
from tests.servers.slapd import PEOPLE, Slapd, person
from tests.servers.wire import byte_by_byte, later, plainly, wire

PACKAGES = ("slapd", "ldap-utils")
CLIENTS = 8
ALICE = Request("alice", Secret(b"secret"))
BIND_OF_ALICE = f'BIND dn="uid=alice,{PEOPLE}" method'


@pytest.fixture(scope="module")
def server(box: Box) -> Iterator[Slapd]:
    yield from running(box, "127.0.0.1")


@pytest.fixture(scope="module")
def second(box: Box) -> Iterator[Slapd]:
    yield from running(box, "127.0.0.2")


def running(box: Box, address: str) -> Iterator[Slapd]:
    server = Slapd(box, person("alice", "secret"), address=address)
    server.start()
    yield server
    server.stop()


def backend_on(*uris: str, **options: object) -> LoopBackend:
    deadlines = {"connect_deadline": "1s", "operation_deadline": "1s"}
    return loop_backend("ldap", {"uris": list(uris), **USUAL, **deadlines, **options})


BY_BIND = {"method": "bind", "dn": f"uid={{login}},{PEOPLE}"}


@asynccontextmanager
async def crowd_on(backend: LoopBackend) -> AsyncIterator[Crowd]:
    """Let clients log in; nobody may be refused or kept waiting."""
    crowd = Crowd(backend, "alice", "secret")
    with crowd.at_work(CLIENTS):
        await crowd.wait_for(Outcome.ACCEPTED)
        yield crowd
        await crowd.wait_for(Outcome.ACCEPTED)
    backend.close()
    assert {login.outcome for login in crowd.logins} <= {Outcome.ACCEPTED, Outcome.UNAVAILABLE}
    assert max(login.seconds for login in crowd.logins) < DEADLINE


def test_a_restart_is_an_outage_of_seconds(server: Slapd) -> None:
    async def story() -> None:
        async with crowd_on(backend_on(server.uri)) as crowd:
            await asyncio.to_thread(server.stop)
            await crowd.wait_for(Outcome.UNAVAILABLE)
            await asyncio.to_thread(server.start)

    on_loop(server.box, story)


def test_connections_that_died_while_nobody_asked_are_not_noticed(server: Slapd) -> None:
    """The server was started anew in the night: the first login of the morning is right at once."""

    async def story() -> None:
        backend = backend_on(server.uri)
        await asyncio.gather(*(backend.check(ALICE) for _ in range(CLIENTS)))
        server.stop()
        server.start()
        for _ in range(2 * CLIENTS):
            assert (await backend.check(ALICE)).outcome is Outcome.ACCEPTED
        backend.close()

    on_loop(server.box, story)


@pytest.mark.parametrize("options", [{}, BY_BIND], ids=["search", "bind"])
def test_a_frozen_server_is_an_outage_until_it_goes_on(server: Slapd, options: dict[str, object]) -> None:
    async def story() -> None:
        async with crowd_on(backend_on(server.uri, **options)) as crowd:
            server.freeze()
            await crowd.wait_for(Outcome.UNAVAILABLE)
            server.thaw()

    on_loop(server.box, story)


@pytest.mark.parametrize("options", [{}, BY_BIND], ids=["search", "bind"])
@pytest.mark.parametrize("deed", ["stop", "freeze"])
def test_the_second_server_stands_in_until_the_first_is_back(
    server: Slapd, second: Slapd, deed: str, options: dict[str, object]
) -> None:
    async def story() -> None:
        async with crowd_on(backend_on(server.uri, second.uri, **options)) as crowd:
            before = second.log.count(BIND_OF_ALICE)
            await asyncio.to_thread(getattr(server, deed))
            await wait_for_more(second, before)
            await crowd.wait_for(Outcome.ACCEPTED)
            returned = server.log.count(BIND_OF_ALICE) if deed == "freeze" else 0
            await asyncio.to_thread(server.thaw if deed == "freeze" else server.start)
            await wait_for_more(server, returned)

    on_loop(server.box, story)


async def wait_for_more(server: Slapd, before: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while server.log.count(BIND_OF_ALICE) < before + 3 * CLIENTS:
            await asyncio.sleep(0.05)


@contextmanager
def black_hole(address: str) -> Iterator[None]:
    """A port whose backlog is full: the kernel drops every further SYN."""
    with socket.create_server((address, 389), backlog=0):
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex((address, 389))
        try:
            yield
        finally:
            for each in waiting:
                each.close()


def test_a_black_hole_is_left_for_the_next_server(server: Slapd) -> None:
    async def story() -> None:
        with black_hole("127.0.0.5"):
            async with crowd_on(backend_on("ldap://127.0.0.5", server.uri)):
                pass

    on_loop(server.box, story)


def test_a_server_that_says_no_word_is_left_for_the_next(server: Slapd) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.6", 389)), socket.create_server(("127.0.0.6", 636)):
            for silent in (["ldap://127.0.0.6"], ["ldaps://127.0.0.6"]):
                async with crowd_on(backend_on(*silent, server.uri)):
                    pass

    on_loop(server.box, story)


def test_all_servers_dead_is_an_outage_at_once_and_on_few_threads(server: Slapd) -> None:
    async def story() -> None:
        before = threading.active_count()
        with black_hole("127.0.0.5"):
            backend = backend_on("ldap://127.0.0.5", "ldap://127.0.0.7")
            checks = [asyncio.create_task(backend.check(ALICE)) for _ in range(50)]
            await asyncio.sleep(0.1)
            assert threading.active_count() - before <= 2 * MAX_OPENING
            assert {verdict.outcome for verdict in await asyncio.gather(*checks)} == {Outcome.UNAVAILABLE}
            began = asyncio.get_running_loop().time()
            verdicts = [await backend.check(ALICE) for _ in range(20)]
            assert asyncio.get_running_loop().time() - began < 10  # and not 20 times 1 s: two probes may come due
            assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
            backend.close()

    on_loop(server.box, story)


def test_a_slow_wire_delays_and_refuses_nobody(server: Slapd) -> None:
    async def story() -> None:
        slow = wire(("127.0.0.8", 389), ("127.0.0.1", 389), later(0.05), byte_by_byte)
        async with slow, crowd_on(backend_on("ldap://127.0.0.8")) as crowd:
            await crowd.wait_for(Outcome.ACCEPTED, 50)

    on_loop(server.box, story)


def test_half_an_answer_holds_nobody_else(server: Slapd) -> None:
    """libldap would wait for the rest of it, and the whole loop with it."""

    async def story() -> None:
        held, go_on = asyncio.Event(), asyncio.Event()
        answers = 0

        async def half(data: bytes, writer: asyncio.StreamWriter) -> None:
            nonlocal answers
            answers += 1
            if answers != 2:  # the first is that of the service account's bind, on a thread
                writer.write(data)
                return
            writer.write(data[:5])
            held.set()
            await go_on.wait()
            writer.write(data[5:])

        async with wire(("127.0.0.8", 389), ("127.0.0.1", 389), plainly, half):
            backend, other = backend_on("ldap://127.0.0.8", operation_deadline="30s"), backend_on(server.uri)
            check = asyncio.create_task(backend.check(ALICE))
            async with asyncio.timeout(DEADLINE):
                await held.wait()
                assert (await other.check(ALICE)).outcome is Outcome.ACCEPTED
                assert not check.done()
                go_on.set()
                assert (await check).outcome is Outcome.ACCEPTED
            backend.close()
            other.close()

    on_loop(server.box, story)


def test_a_password_that_one_server_got_is_never_sent_again(server: Slapd, second: Slapd) -> None:
    """The first may have counted it: a second try would be the second wrong one."""

    async def story() -> None:
        async def cut_at_the_password(data: bytes, writer: asyncio.StreamWriter) -> None:
            if b"guess" in data:
                raise ConnectionResetError
            writer.write(data)

        async with wire(("127.0.0.8", 389), ("127.0.0.1", 389), cut_at_the_password, plainly):
            backend = backend_on("ldap://127.0.0.8", second.uri)
            before = second.log.count(BIND_OF_ALICE)
            verdict = await backend.check(Request("alice", Secret(b"guess")))
            assert verdict.outcome is Outcome.UNAVAILABLE
            assert second.log.count(BIND_OF_ALICE) == before
            assert (await backend.check(ALICE)).outcome is Outcome.ACCEPTED
            backend.close()

    on_loop(server.box, story)


def test_who_finds_no_connection_left_waits_for_one_of_ours(box: Box) -> None:
    async def story() -> None:
        async with crowd_on(backend_on(few.uri)) as crowd:
            await crowd.wait_for(Outcome.ACCEPTED, 200)

    few = Slapd(box, person("alice", "secret"), address="127.0.0.9", descriptors=20)
    few.start()
    on_loop(box, story)
    few.stop()


def test_nothing_is_left_behind(server: Slapd) -> None:
    async def story() -> None:
        await asyncio.to_thread(len, "")  # the loop's own thread
        files, threads = descriptors(), threading.active_count()
        backend = backend_on(server.uri, "ldap://127.0.0.7")
        async with crowd_on(backend) as crowd:
            for _ in range(3):
                server.freeze()
                await cancelled(backend)
                server.thaw()
                await crowd.wait_for(Outcome.ACCEPTED, 200)
            while len(crowd.logins) < 10_000:
                await asyncio.sleep(0.05)
        gc.collect()
        async with asyncio.timeout(DEADLINE):
            while descriptors() > files or threading.active_count() > threads or len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.05)

    on_loop(server.box, story)
    assert server.log.count("ACCEPT from IP=127.0.0.1") < 1000


async def cancelled(backend: LoopBackend) -> None:
    """Ask and do not wait for the answer, as when the queue's deadline has passed; new connections among them."""
    checks = [asyncio.create_task(backend.check(ALICE)) for _ in range(2 * CLIENTS)]
    await asyncio.sleep(0.05)
    for check in checks:
        check.cancel()
    await asyncio.gather(*checks, return_exceptions=True)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
