"""Accepts, and answers in the same breath whoever can be answered."""

import asyncio
import errno
import logging
import os
from contextlib import suppress
from socket import SHUT_RD, SocketType, socket

from authd.server.connection import Connections
from authd.server.desk import Pending, Reply
from authd.server.probe import is_probe
from authd.server.wire import MAX_READ, accept, send

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 64  # then the loop looks at everything else
PAUSE = 0.1  # seconds without accepting when the system has nothing left to accept with

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
_OUT_OF_MEMORY = (errno.ENOBUFS, errno.ENOMEM)


class Reserve:
    """A descriptor kept free, so that a client can be accepted and told so when there is no other."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self.refill()

    def refill(self) -> None:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self._descriptor = None

    def spend(self) -> bool:
        """Free the descriptor; False where there is none to free."""
        if self._descriptor is None:
            return False
        os.close(self._descriptor)
        self._descriptor = None
        return True


class Listener:
    """One listening socket on the loop.

    The client has nearly always written before it is accepted: one accept, one recv, one look, one send, one close
    serve it, with no object of its own. Only who has to wait becomes a `Connection`.
    """

    def __init__(
        self,
        sock: socket,
        path: str,
        connections: Connections,
        reserve: Reserve,
        *,
        outlives_us: bool = False,
    ) -> None:
        """`sock` listens and does not block. `outlives_us`: another process will have it, and whoever waits there."""
        self._socket = sock
        self._family, self._kind = int(sock.family), int(sock.type)  # each is looked up anew when asked for
        self._path = path
        self._connections = connections
        self._reserve = reserve
        self._outlives_us = outlives_us
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def stop(self) -> None:
        """Take in nobody more, then close; once stopped it stays so.

        Whoever already waits is accepted, unless another process will find him there.
        """
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket.fileno())
        if not self._outlives_us:
            self._accept_the_last()
        if self._paused is not None:
            self._paused.cancel()
        self._socket.close()

    def _accept_the_last(self) -> None:
        with suppress(OSError):  # or a flood of newcomers would keep us accepting for ever
            self._socket.shutdown(SHUT_RD)
        while self._accept():
            pass

    def _readable(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Serve one client; False where nobody waits or nobody can be accepted now."""
        try:
            sock = accept(self._socket, self._family, self._kind)
        except BlockingIOError:
            return False
        except OSError as error:
            return self._accept_in_need(error)
        self._serve(sock)
        return True

    def _serve(self, sock: SocketType) -> None:
        connections = self._connections
        connections.counters.accepted += 1
        arrived = connections.clock()
        try:
            data = connections.wire.receive(sock)
        except BlockingIOError:
            connections.wait_for_request(sock, self._path, arrived, b"")
            return
        size = len(data)
        if not size:
            connections.counters.ended_early += 1
            sock.close()
            return
        try:
            self._answer(sock, data, arrived)
        finally:
            connections.wire.wipe(size)

    def _answer(self, sock: SocketType, data: memoryview, arrived: float) -> None:
        if len(data) == MAX_READ:  # there may be more to read before it can be closed
            self._connections.wait_for_request(sock, self._path, arrived, bytes(data))
            return
        looked = self._connections.desk.look(data, self._path, arrived)
        if isinstance(looked, Reply):
            if looked.more_may_come and is_probe(sock, data):
                self._connections.counters.accepted -= 1
                send(sock, looked.answer)
                sock.close()
            elif looked.due or looked.more_may_come:
                self._connections.wait_to_reply(sock, self._path, arrived, looked)
            else:
                send(sock, looked.answer)
                sock.close()
                self._connections.desk.tell(looked)
        elif isinstance(looked, Pending):
            self._connections.wait_for_decision(sock, self._path, arrived, looked)
        else:
            self._connections.wait_for_request(sock, self._path, arrived, bytes(data))

    def _accept_in_need(self, error: OSError) -> bool:
        """Accept failed. Where it was for want of descriptors, free one, and serve with that."""
        if error.errno in (errno.ECONNABORTED, errno.EINTR, errno.EPROTO):
            return True
        if error.errno in _OUT_OF_DESCRIPTORS:
            self._connections.counters.out_of_descriptors += 1
            if self._serve_in_freed_place() or self._serve_with_reserve():
                return True
        elif error.errno not in _OUT_OF_MEMORY:
            log.error("%s: expected to accept a client, got: %s", self._path, error.strerror)
        self._pause()
        return False

    def _serve_in_freed_place(self) -> bool:
        return self._connections.make_room() and self._serve_next()

    def _serve_with_reserve(self) -> bool:
        if not self._reserve.spend():
            return False
        with self._connections.nobody_may_wait():
            served = self._serve_next()
        self._reserve.refill()
        return served

    def _serve_next(self) -> bool:
        try:
            sock = accept(self._socket, self._family, self._kind)
        except OSError:
            return False
        self._serve(sock)
        return True

    def _pause(self) -> None:
        """Accept nobody for a moment: a socket that stays readable would keep the loop spinning."""
        if self._paused is None:
            self._loop.remove_reader(self._socket.fileno())
            self._paused = self._loop.call_later(PAUSE, self.start)
