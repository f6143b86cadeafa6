"""The server on a real socket and a real loop, with backends made for the case."""

import asyncio
import os
import resource
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from authd.config.settings import RouteSettings, ThrottleSettings
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Chain, Member
from authd.decide.decision import Decision, NotAsked
from authd.decide.route import route_of
from authd.server import connection as connection_module
from authd.server import holds as holds_module
from authd.server.connection import Connections, Limits
from authd.server.counters import ConnectionCounters
from authd.server.desk import Desk
from authd.server.listener import ACCEPTS_PER_TURN, Listener, Reserve
from authd_backends import Outcome, Request, Verdict
from tests.unit.decide.pieces import Pieces

OK, NO, TEMPORARY = b"\0\2OK", b"\0\2NO", b"\0\0"
ENOUGH = 20.0  # seconds that no test needs

Ask = Callable[[Request], Verdict | Awaitable[Verdict]]


def counted(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(field)) + field for field in fields)


GOOD = counted(b"alice", b"right", b"smtp", b"")
BAD = counted(b"alice", b"wrong", b"smtp", b"")


def at_once(request: Request) -> Verdict:
    right = request.password.reveal() == b"right"
    return Verdict(Outcome.ACCEPTED if right else Outcome.WRONG_PASSWORD)


async def _later(request: Request) -> Verdict:
    await asyncio.sleep(0.01)
    return at_once(request)


def later(request: Request) -> Awaitable[Verdict]:
    return _later(request)


async def _never() -> Verdict:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


def never(_: Request) -> Awaitable[Verdict]:
    return _never()


class Server:
    """A server in this process, and clients of it."""

    def __init__(self, path: Path, ask: Ask, limits: Limits, *, answer_texts: bool, failure_delay: float) -> None:
        self.path = path
        self.decisions: list[Decision] = []
        self.listeners: list[Callable[[Decision], None]] = [self.decisions.append]
        chain = Chain([Member("users", "test", lambda request, _: ask(request))])
        routes = [route_of(RouteSettings(backends=("users",), cache=False), 1, chain)]
        steps = Pieces(throttle=ThrottleSettings(enabled=False, failure_delay=failure_delay)).steps()
        authenticator = Authenticator(routes, steps, time.monotonic)
        desk = Desk(authenticator, self.listeners, answer_texts=answer_texts)
        self.counters = ConnectionCounters()
        self.connections = Connections(desk, limits, self.counters, time.monotonic)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.listening.bind(str(path))
        self.listening.listen(4096)
        self.listener = Listener(self.listening, str(path), self.connections, Reserve())
        self.listener.start()

    async def connect(self, data: bytes = b"") -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        await asyncio.get_running_loop().sock_connect(client, str(self.path))
        if data:
            client.send(data)
        return client

    async def ask(self, *pieces: bytes) -> bytes:
        client = await self.connect()
        for piece in pieces:
            client.send(piece)
            await asyncio.sleep(0.005)
        return await everything(client)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(ENOUGH):
            while not condition():
                await asyncio.sleep(0.005)


async def everything(client: socket.socket) -> bytes:
    """All that the server sends until it closes."""
    loop = asyncio.get_running_loop()
    received = b""
    async with asyncio.timeout(ENOUGH):
        while data := await loop.sock_recv(client, 4096):
            received += data
    client.close()
    return received


@asynccontextmanager
async def serving(
    path: Path,
    ask: Ask = at_once,
    *,
    max_connections: int = 100,
    request_deadline: float = 8.0,
    read_deadline: float = 5.0,
    answer_texts: bool = False,
    failure_delay: float = 0.0,
) -> AsyncIterator[Server]:
    limits = Limits(max_connections, request_deadline, read_deadline)
    server = Server(path / "mux", ask, limits, answer_texts=answer_texts, failure_delay=failure_delay)
    defects: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: defects.append(context))
    try:
        yield server
    finally:
        server.connections.give_up_all("the test is over")
        server.listener.stop()
        server.connections.give_up_all("the test is over")
        assert len(server.connections) == 0
        assert defects == []


Test = Callable[[], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("ask", [at_once, later])
def test_a_whole_request_is_answered_and_the_connection_closed(tmp_path: Path, ask: Ask) -> None:
    async def live() -> None:
        async with serving(tmp_path, ask) as server:
            assert await server.ask(GOOD) == OK
            assert await server.ask(BAD) == NO
            assert [decision.outcome for decision in server.decisions] == [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD]

    asyncio.run(live())


@pytest.mark.parametrize("ask", [at_once, later])
def test_a_request_in_pieces_is_answered_as_a_whole_one(tmp_path: Path, ask: Ask) -> None:
    async def live() -> None:
        async with serving(tmp_path, ask) as server:
            four_writes = [counted(field) for field in (b"alice", b"right", b"smtp", b"")]
            assert await server.ask(*four_writes) == OK
            assert await server.ask(*(bytes([byte]) for byte in BAD)) == NO

    asyncio.run(live())


@pytest.mark.parametrize("ask", [at_once, later])
def test_a_client_that_pipelines_or_sends_too_much_gets_its_one_answer_whole(tmp_path: Path, ask: Ask) -> None:
    async def live() -> None:
        async with serving(tmp_path, ask) as server:
            assert await server.ask(GOOD + BAD + b"x" * 60_000) == OK
            assert await server.ask(GOOD[:3], GOOD[3:] + b"x" * 1000, b"x" * 1000) == OK

    asyncio.run(live())


def test_an_answer_does_not_wait_for_what_is_noted_of_its_decision(tmp_path: Path) -> None:
    async def live() -> list[bytes]:
        heard: list[bytes] = []
        async with serving(tmp_path) as server:
            client = await server.connect(GOOD)
            server.listeners.append(lambda _: heard.append(client.recv(16)))
            await server.until(lambda: bool(server.decisions))
            client.close()
        return heard

    assert asyncio.run(live()) == [b"\0\2OK"]


def test_a_fifth_field_names_the_client_when_it_has_come_and_is_never_waited_for(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            assert await server.ask(GOOD + counted(b"192.0.2.7;4711")) == OK
            assert await server.ask(GOOD + b"\0") == OK
            clients = [decision.request.client for decision in server.decisions]
            assert clients[0] is not None
            assert (clients[0].address, clients[0].port) == ("192.0.2.7", 4711)
            assert clients[1] is None

    asyncio.run(live())


def test_version_1_is_answered_in_its_own_form(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            assert await server.ask(b"alice\0right\0") == b"OK"
            assert await server.ask(b"alice\0", b"wrong\0") == b"NO"
            assert [decision.protocol for decision in server.decisions] == ["pwcheck", "pwcheck"]
        async with serving(tmp_path / "..", lambda _: Verdict(Outcome.UNAVAILABLE)) as server:
            assert await server.ask(b"alice\0right\0") == b""

    asyncio.run(live())


def test_an_outage_is_a_temporary_failure(tmp_path: Path) -> None:
    def broken(_: Request) -> Verdict:
        raise RuntimeError

    async def live(ask: Ask, name: str) -> None:
        directory = tmp_path / name
        directory.mkdir()
        async with serving(directory, ask) as server:
            assert await server.ask(GOOD) == TEMPORARY
            assert server.decisions[0].outcome is Outcome.UNAVAILABLE

    asyncio.run(live(lambda _: Verdict(Outcome.UNAVAILABLE), "out"))
    asyncio.run(live(broken, "broken"))


def test_cyrus_s_texts_stand_behind_the_answers_where_that_was_set(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path, answer_texts=True) as server:
            assert await server.ask(GOOD) == OK
            assert await server.ask(BAD) == b"\0\x15NO Incorrect password"
            assert await server.ask(b"\0\0") == b"\0\x14NO malformed request"

    asyncio.run(live())


@pytest.mark.parametrize("sent", [b"\0\0", b"\0\3a\0b", b"\x1f\xff"])
def test_what_is_no_request_is_answered_at_once_without_reading_on(tmp_path: Path, sent: bytes) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            assert await server.ask(sent) == NO
            assert [decision.outcome for decision in server.decisions] == [NotAsked.PROTOCOL_ERROR]

    asyncio.run(live())


def test_who_is_refused_in_the_middle_of_his_request_can_send_the_rest_and_read_the_answer(tmp_path: Path) -> None:
    """Exim writes each field on its own, and takes a failing write for an outage."""

    async def live() -> None:
        async with serving(tmp_path) as server:
            client = await server.connect(b"\0\0")
            assert await asyncio.get_running_loop().sock_recv(client, 4) == NO
            for field in (b"right", b"smtp", b""):
                assert client.send(counted(field)) == len(field) + 2
            client.shutdown(socket.SHUT_WR)
            assert await everything(client) == b""
            await server.until(lambda: len(server.connections) == 0)

    asyncio.run(live())


def test_a_client_that_leaves_early_is_closed_quietly_and_counted(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            (await server.connect()).close()
            (await server.connect(GOOD[:5])).close()
            half_closed = await server.connect(GOOD[:5])
            half_closed.shutdown(socket.SHUT_WR)
            assert await everything(half_closed) == b""
            await server.until(lambda: server.counters.ended_early == 3)
            assert not server.decisions
            assert len(server.connections) == 0

    asyncio.run(live())


def test_who_sends_nothing_is_closed_and_who_sends_half_is_told_a_temporary_failure(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path, read_deadline=0.3) as server:
            silent, half = await server.connect(), await server.connect(GOOD[:5])
            assert await everything(silent) == b""
            assert await everything(half) == TEMPORARY
            assert server.counters.too_slow == 2

    asyncio.run(live())


def test_a_backend_that_never_answers_costs_its_client_the_deadline_and_others_nothing(tmp_path: Path) -> None:
    def hangs_for_bob(request: Request) -> Verdict | Awaitable[Verdict]:
        return never(request) if request.user == "bob" else at_once(request)

    async def live() -> None:
        async with serving(tmp_path, hangs_for_bob, request_deadline=0.5) as server:
            hanging = await server.connect(counted(b"bob", b"right", b"smtp", b""))
            assert await server.ask(GOOD) == OK
            assert await everything(hanging) == TEMPORARY
            assert server.decisions[-1].reason == "no decision within request_deadline"
            assert len(server.connections) == 0

    asyncio.run(live())


def test_who_is_given_up_does_not_end_the_check_that_another_shares(tmp_path: Path) -> None:
    async def live() -> None:
        asked: list[asyncio.Future[Verdict]] = []

        def when_told(_: Request) -> Awaitable[Verdict]:
            asked.append(asyncio.get_running_loop().create_future())
            return asked[-1]

        async with serving(tmp_path, when_told) as server:
            first = await server.connect(GOOD)
            await server.until(lambda: len(server.connections) == 1)
            (connection,) = server.connections._admission.connections()
            second = await server.connect(GOOD)
            await server.until(lambda: len(server.connections) == 2)
            connection.give_up()
            assert await everything(first) == TEMPORARY
            (check,) = asked
            check.set_result(Verdict(Outcome.ACCEPTED))
            assert await everything(second) == OK
            outcomes = [decision.outcome for decision in server.decisions]
            assert outcomes == [Outcome.UNAVAILABLE, Outcome.ACCEPTED]

    asyncio.run(live())


def test_a_client_that_never_closes_costs_a_bounded_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "DRAIN_DEADLINE", 0.2)

    async def live() -> None:
        async with serving(tmp_path) as server:
            client = await server.connect(GOOD[:5])
            await server.until(lambda: len(server.connections) == 1)
            client.send(GOOD[5:])
            assert await asyncio.get_running_loop().sock_recv(client, 4) == OK
            assert len(server.connections) == 1
            await server.until(lambda: len(server.connections) == 0)
            client.close()

    asyncio.run(live())


def test_at_the_limit_the_oldest_silent_client_goes_first(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path, max_connections=3) as server:
            silent = []
            for number in range(1, 4):
                silent.append(await server.connect())
                await server.until(lambda count=number: len(server.connections) == count)  # type: ignore[misc]
            newcomer = await server.connect(GOOD[:5])
            assert await everything(silent[0]) == b""
            assert server.counters.evicted == 1
            newcomer.send(GOOD[5:])
            assert await everything(newcomer) == OK
            for client in silent[1:]:
                client.send(GOOD)
                assert await everything(client) == OK

    asyncio.run(live())


def test_when_every_slot_is_busy_who_would_have_to_wait_is_told_a_temporary_failure(tmp_path: Path) -> None:
    def hangs_for_bob(request: Request) -> Verdict | Awaitable[Verdict]:
        return never(request) if request.user == "bob" else at_once(request)

    async def live() -> None:
        async with serving(tmp_path, hangs_for_bob, max_connections=2) as server:
            bobs = [await server.connect(counted(b"bob", b"x", b"", b"")) for _ in range(2)]
            await server.until(lambda: len(server.connections) == 2)
            assert await server.ask(counted(b"bob", b"x", b"", b"")) == TEMPORARY
            assert await server.ask() == TEMPORARY
            assert await server.ask(GOOD) == OK
            assert server.counters.turned_away == 2
            assert server.decisions[0].outcome is Outcome.UNAVAILABLE
            for bob in bobs:
                bob.close()

    asyncio.run(live())


def test_unfinished_requests_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_PARTIAL", 10_000)
    half = counted(b"a" * 4000) + b"\0"

    async def live() -> None:
        async with serving(tmp_path) as server:
            clients = []
            for number in range(1, 3):
                clients.append(await server.connect(half))
                await server.until(lambda count=number: len(server.connections) == count)  # type: ignore[misc]
            clients.append(await server.connect(half))
            await server.until(lambda: server.counters.evicted == 1)
            assert await everything(clients[0]) == b""
            assert len(server.connections) == 2
            for client in clients[1:]:
                client.close()

    asyncio.run(live())


def test_who_alone_sends_more_than_the_bound_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_PARTIAL", 1000)

    async def live() -> None:
        async with serving(tmp_path) as server:
            assert await server.ask(counted(b"a" * 4000)) == b""
            assert server.counters.evicted == 1

    asyncio.run(live())


async def send_for_ever(client: socket.socket) -> None:
    async with asyncio.timeout(ENOUGH):
        while True:
            await asyncio.get_running_loop().sock_sendall(client, bytes(10_000))


def test_who_does_not_stop_sending_is_closed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "DRAIN_DEADLINE", 1e6)

    async def live() -> None:
        async with serving(tmp_path) as server:
            client = await server.connect(b"\0\0")
            with pytest.raises(BrokenPipeError):
                await send_for_ever(client)
            client.close()

    asyncio.run(live())


def test_who_sent_a_request_in_pieces_keeps_his_slot_while_he_is_worked_for(tmp_path: Path) -> None:
    asked: list[Request] = []

    def ask(request: Request) -> Awaitable[Verdict]:
        asked.append(request)
        return never(request)

    async def live() -> None:
        async with serving(tmp_path, ask, max_connections=1) as server:
            working = await server.connect(GOOD[:9])
            await server.until(lambda: len(server.connections) == 1)
            working.send(GOOD[9:])
            await server.until(lambda: len(asked) == 1)
            assert await server.ask(GOOD) == TEMPORARY
            assert server.counters.evicted == 0
            working.close()

    asyncio.run(live())


def test_many_newcomers_leave_the_loop_its_turns(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            clients = []
            for _ in range(2 * ACCEPTS_PER_TURN):
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(server.path))
                clients.append(client)
            server.listener._readable()
            assert server.counters.accepted == ACCEPTS_PER_TURN
            for client in clients:
                client.close()

    asyncio.run(live())


def test_running_out_of_descriptors_is_survived_and_told(tmp_path: Path) -> None:
    def hangs_for_bob(request: Request) -> Verdict | Awaitable[Verdict]:
        return never(request) if request.user == "bob" else at_once(request)

    async def live() -> None:
        async with serving(tmp_path, hangs_for_bob) as server:
            loop = asyncio.get_running_loop()
            bobs = [await server.connect(counted(b"bob", b"x", b"", b"")) for _ in range(3)]
            await server.until(lambda: len(server.connections) == 3)
            clients = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(3)]
            highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
            fill = []
            try:
                while True:
                    fill.append(os.dup(0))
            except OSError:
                pass
            try:
                for client, sent in zip(clients, (GOOD, b"", counted(b"bob", b"x", b"", b"")), strict=True):
                    await loop.sock_connect(client, str(server.path))
                    if sent:
                        client.send(sent)
                answers = [await everything(client) for client in clients]
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for descriptor in fill:
                    os.close(descriptor)
            assert answers[1:] == [TEMPORARY, TEMPORARY]
            assert answers[0] in (OK, TEMPORARY)  # its bytes may have come after its connection
            assert server.counters.out_of_descriptors >= 3
            assert await server.ask(GOOD) == OK
            for bob in bobs:
                bob.close()

    asyncio.run(live())


def test_whoever_waits_in_the_backlog_when_it_stops_is_answered(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path, later) as server:
            clients = []
            for _ in range(200):
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(server.path))
                client.sendall(GOOD)
                client.setblocking(False)
                clients.append(client)
            server.connections._admission.limit = 1000
            server.listener.stop()
            assert [await everything(client) for client in clients] == [OK] * 200

    asyncio.run(live())


def test_whoever_comes_when_it_has_begun_to_stop_is_refused_at_once(tmp_path: Path) -> None:
    """A flood of newcomers would keep it accepting for ever."""
    refused = []

    def comes_meanwhile(request: Request) -> Verdict:
        with socket.socket(socket.AF_UNIX) as newcomer, pytest.raises(ConnectionRefusedError) as error:
            newcomer.connect(str(tmp_path / "mux"))
        refused.append(error)
        return at_once(request)

    async def live() -> None:
        async with serving(tmp_path, comes_meanwhile) as server:
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(server.path))
            client.sendall(GOOD)
            client.setblocking(False)
            server.listener.stop()
            assert await everything(client) == OK

    asyncio.run(live())
    assert len(refused) == 1


def test_an_accept_that_fails_for_any_other_reason_is_told_and_does_not_spin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a security module forbids it: the socket stays readable all the time."""

    async def live() -> None:
        async with serving(tmp_path) as server:
            not_listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            listener = Listener(not_listening, "odd", server.connections, Reserve())
            listener.start()
            await server.until(lambda: "odd: expected to accept a client, got: Invalid argument" in caplog.text)
            assert await server.ask(GOOD) == OK
            pause = listener._paused
            assert pause is not None
            listener.stop()
            assert pause.cancelled()

    asyncio.run(live())
    assert caplog.text.count("expected to accept") < 10


def test_a_client_of_version_1_is_never_told_what_it_takes_for_a_refusal(tmp_path: Path) -> None:
    """It takes whatever is not OK for a wrong password, and the end without a byte for a failure."""
    whole, half = b"alice\0right\0", b"alice\0ri"

    async def live() -> None:
        async with serving(tmp_path, never, max_connections=1, read_deadline=0.2) as server:
            assert await server.ask(half) == b""
            busy = await server.connect(GOOD)
            await server.until(lambda: len(server.connections) == 1)
            assert await server.ask(whole) == b""
            assert await server.ask(half) == b""
            assert await server.ask(GOOD) == TEMPORARY
            busy.close()

    asyncio.run(live())


def test_no_password_stays_in_the_wire_buffer(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path) as server:
            await server.ask(GOOD)
            await server.ask(GOOD[:9], GOOD[9:])
            assert b"right" not in bytes(server.connections.wire._view)
            assert not any(server.connections.wire._view)

    asyncio.run(live())


@pytest.mark.parametrize("ask", [at_once, later])
def test_a_refusal_is_held_back_and_costs_nobody_else_anything(tmp_path: Path, ask: Ask) -> None:
    async def live() -> None:
        async with serving(tmp_path, ask, failure_delay=0.3) as server:
            loop = asyncio.get_running_loop()
            began = loop.time()
            guessers = [await server.connect(BAD) for _ in range(50)]
            in_pieces = await server.connect(BAD[:5])
            assert await server.ask(GOOD) == OK
            in_pieces.send(BAD[5:])
            for guesser in (*guessers, in_pieces):
                assert await everything(guesser) == NO
            assert loop.time() - began >= 0.3
            await server.until(lambda: len(server.connections) == 0)
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert tasks == []

    asyncio.run(live())


def test_beyond_the_bound_the_first_due_is_answered_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds_module, "MAX_HELD", 3)

    async def live() -> None:
        async with serving(tmp_path, failure_delay=7.0) as server:
            guessers = [await server.connect(BAD) for _ in range(4)]
            await server.until(lambda: len(server.decisions) == 4)
            assert await everything(guessers[0]) == NO
            assert len(server.connections) == 3
            server.connections.give_up_all("the end")
            assert [await everything(guesser) for guesser in guessers[1:]] == [NO] * 3

    asyncio.run(live())


def test_a_held_refusal_makes_room_for_a_newcomer_and_is_told_early(tmp_path: Path) -> None:
    async def live() -> None:
        async with serving(tmp_path, failure_delay=7.0, max_connections=2) as server:
            guessers = [await server.connect(BAD) for _ in range(3)]
            assert await everything(guessers[0]) == NO
            assert len(server.connections) == 2
            for guesser in guessers[1:]:
                guesser.close()

    asyncio.run(live())
