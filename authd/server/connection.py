"""Clients that could not be answered in the accept callback."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import SHUT_WR, SocketType

from authd.server.admission import Admission
from authd.server.counters import ConnectionCounters
from authd.server.deadlines import Deadlines
from authd.server.desk import Desk, Pending, Reply, temporary_failure
from authd.server.holds import Holds
from authd.server.probe import is_probe
from authd.server.wire import MAX_READ, Wire, send, turn_away
from authd.unix.sockets import peer_credentials

MAX_PARTIAL = 32 * 1024 * 1024  # bytes of unfinished requests, all connections together
MAX_DRAINED = 64 * 1024  # bytes read and thrown away behind an answer
DRAIN_DEADLINE = 1.0  # seconds for the client to close after its answer
UNKNOWN_UID = -1  # the caller of a connection that the kernel does not tell


@dataclass(frozen=True, slots=True)
class Limits:
    max_connections: int
    request_deadline: float  # seconds from accept to the answer
    read_deadline: float  # seconds from accept to a whole request


class Connections:
    """All connections that hold a slot, with the deadlines they live under."""

    def __init__(self, desk: Desk, limits: Limits, counters: ConnectionCounters, clock: Callable[[], float]) -> None:
        self.desk = desk
        self.counters = counters
        self.wire = Wire()
        self.clock = clock
        self.deciding: set[Connection] = set()  # those who were given up, too: a loop holds no task
        self._admission: Admission[Connection] = Admission(limits.max_connections)
        self._answer = Deadlines(limits.request_deadline, Connection.give_up, clock)
        self._read = Deadlines(limits.read_deadline, Connection.stop_reading, clock)
        self._drain = Deadlines(DRAIN_DEADLINE, Connection.close, clock)
        self._holds = Holds(Connection.send_held, clock)
        self._partial = 0
        self._may_wait = True
        self._one_left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._admission)

    def adopt(self, desk: Desk, limits: Limits) -> None:
        """Go on with another desk and other limits; who waits for a decision gets that of his desk."""
        self.desk = desk
        self._admission.limit = limits.max_connections
        self._answer.length = limits.request_deadline
        self._read.length = limits.read_deadline

    def wait_for_request(self, sock: SocketType, listener: str, arrived: float, data: bytes) -> None:
        """Keep a client whose request has not come, or not all of it."""
        connection = self._admit(sock, listener, arrived)
        if connection is None:
            turn_away(sock, temporary_failure(data))
        else:
            self._admission.expend(connection)
            self._read.add(connection, arrived)
            connection.read_more(data)

    def wait_for_decision(self, sock: SocketType, listener: str, arrived: float, pending: Pending) -> None:
        """Keep a client whose request waits for its decision."""
        connection = self._admit(sock, listener, arrived)
        if connection is None:
            pending.decision.close()
            self._turn_away(sock, self.desk.abandon(pending, "every slot of max_connections is busy"))
        else:
            connection.decide(pending)

    def wait_to_reply(self, sock: SocketType, listener: str, arrived: float, reply: Reply) -> None:
        """Keep a client whose answer is held back, or who may still be sending: who finds us gone loses the answer."""
        connection = self._admit(sock, listener, arrived)
        if connection is None:
            self._turn_away(sock, reply)
        else:
            connection.reply(reply)

    def make_room(self) -> bool:
        """Close a connection that nobody works for, if there is one."""
        connection = self._admission.first_to_go()
        if connection is None:
            return False
        self.counters.evicted += 1
        connection.leave()
        return True

    def no_longer_reads(self, connection: "Connection") -> None:
        self._admission.keep(connection)
        self._read.discard(connection)

    def holds_back(self, connection: "Connection", due: float) -> None:
        """Have the connection's answer sent when it is due; until then it may be sent early for a newcomer."""
        self._admission.expend(connection)
        self._holds.add(connection, due)

    def no_longer_holds(self, connection: "Connection") -> None:
        self._admission.keep(connection)

    def drains(self, connection: "Connection") -> None:
        self._answer.discard(connection)
        self._admission.expend(connection)
        self._drain.add(connection, self.clock())

    def holds_partial(self, size: int) -> None:
        """Count bytes of unfinished requests; beyond the bound the oldest go."""
        self._partial += size
        while self._partial > MAX_PARTIAL and (oldest := self._read.oldest()) is not None:
            self.counters.evicted += 1
            oldest.close()

    def release(self, connection: "Connection") -> None:
        for deadlines in (self._answer, self._read, self._drain):
            deadlines.discard(connection)
        self._admission.release(connection)
        self._one_left.set()

    async def all_have_left(self) -> None:
        """Wait until no connection holds a slot."""
        while len(self):
            self._one_left.clear()
            await self._one_left.wait()

    def stop_reading(self) -> None:
        """Wait for no request any longer, only for decisions."""
        while (connection := self._read.oldest()) is not None:
            connection.stop_reading()

    def give_up_all(self, reason: str) -> None:
        """Answer all that still wait with a temporary failure."""
        for connection in self._admission.connections():
            connection.give_up(reason)
            connection.leave()

    @contextmanager
    def nobody_may_wait(self) -> Iterator[None]:
        """While this lasts, who cannot be answered at once is turned away."""
        self._may_wait = False
        try:
            yield
        finally:
            self._may_wait = True

    def _turn_away(self, sock: SocketType, reply: Reply) -> None:
        turn_away(sock, reply.answer)
        self.desk.tell(reply)

    def _admit(self, sock: SocketType, listener: str, arrived: float) -> "Connection | None":
        if not self._may_wait or (self._admission.full and not self.make_room()):
            self.counters.turned_away += 1
            return None
        connection = Connection(self, sock, listener, arrived)
        try:
            uid = peer_credentials(sock).uid
        except OSError:
            uid = UNKNOWN_UID
        self._admission.take(connection, uid)
        self._answer.add(connection, arrived)
        return connection


class Connection:
    """One client: reads its request, waits for the decision, answers, drains, closes."""

    def __init__(self, all_: Connections, sock: SocketType, listener: str, arrived: float) -> None:
        self.arrived = arrived
        self._all = all_
        self._socket = sock
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._data = bytearray()
        self._in_pieces = False  # the request has not come in one piece
        self._drained = 0
        self._pending: Pending | None = None
        self._held: Reply | None = None
        self._task: asyncio.Task[None] | None = None

    def read_more(self, data: bytes) -> None:
        """Begin to read, behind the bytes that have come already."""
        self._loop.add_reader(self._socket.fileno(), self._readable)
        if data:
            self._append(data)

    def decide(self, pending: Pending) -> None:
        """Begin to wait for the decision."""
        self._pending = pending
        self._all.deciding.add(self)
        self._task = self._loop.create_task(self._finish(pending))

    def stop_reading(self) -> None:
        """The request is not whole in time. Who has sent something is told a temporary failure."""
        self._all.counters.too_slow += 1
        if self._data:
            send(self._socket, temporary_failure(self._data))
        self.close()

    def give_up(self, reason: str = "no decision within request_deadline") -> None:
        """The decision has not come in time: a temporary failure, whatever it would have been.

        The backends are let go on: others may share what they say, and it is remembered.
        """
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.reply(self._all.desk.abandon(pending, reason))

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._forget_data()
            self._all.release(self)

    def _readable(self) -> None:
        try:
            data = self._all.wire.receive(self._socket)
        except BlockingIOError:
            return
        if not data:
            self._all.counters.ended_early += 1
            self.close()
            return
        try:
            self._append(data)
        finally:
            self._all.wire.wipe(len(data))

    def _append(self, data: bytes | memoryview) -> None:
        self._in_pieces = bool(self._data)
        self._data += data
        self._all.holds_partial(len(data))
        if self._socket.fileno() < 0:  # closed to keep the bound
            return
        with memoryview(self._data) as view:
            looked = self._all.desk.look(view, self._listener, self.arrived)
            asks_for_nobody = isinstance(looked, Reply) and looked.more_may_come and is_probe(self._socket, view)
        if looked is None:
            return
        self._all.no_longer_reads(self)
        self._loop.remove_reader(self._socket.fileno())
        self._in_pieces = self._in_pieces or len(data) == MAX_READ
        self._forget_data()
        if not isinstance(looked, Reply):
            self.decide(looked)
        elif asks_for_nobody:
            self._all.counters.accepted -= 1
            send(self._socket, looked.answer)
            self.close()
        else:
            self.reply(looked)

    def _forget_data(self) -> None:
        self._all.holds_partial(-len(self._data))
        self._data[:] = bytes(len(self._data))
        self._data.clear()

    async def _finish(self, pending: Pending) -> None:
        reply = await self._all.desk.finish(pending)
        self._all.deciding.discard(self)
        if self._pending is not None:
            self._pending = None
            self.reply(reply)

    def reply(self, reply: Reply) -> None:
        """Answer when it is due."""
        if reply.due > self._all.clock():
            self._held = reply
            self._all.holds_back(self, reply.due)
        else:
            self._send(reply)
        self._all.desk.tell(reply)

    def send_held(self) -> None:
        """Answer now what was held back, if it has not been answered."""
        if self._held is not None and self._socket.fileno() >= 0:
            held, self._held = self._held, None
            self._all.no_longer_holds(self)
            self._send(held)

    def leave(self) -> None:
        """Close, with the answer that is held back if there is one."""
        if self._held is not None:
            send(self._socket, self._held.answer)
        self.close()

    def _send(self, reply: Reply) -> None:
        """Answer, and close at once where nothing more can come: to close over unread bytes is a reset."""
        send(self._socket, reply.answer)
        if not (reply.answer and (reply.more_may_come or self._in_pieces)):
            self.close()
            return
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError:
            self.close()
            return
        self._all.drains(self)
        self._loop.add_reader(self._socket.fileno(), self._drain)

    def _drain(self) -> None:
        try:
            data = self._all.wire.receive(self._socket)
        except BlockingIOError:
            return
        self._all.wire.wipe(len(data))
        self._drained += len(data)
        if not data or self._drained > MAX_DRAINED:
            self.close()
