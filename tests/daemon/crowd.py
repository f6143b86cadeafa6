"""Many clients at once, each with one question of its own, on one thread; and which was answered when."""

import selectors
import socket
import time
from pathlib import Path

from tests.daemon.running import ENOUGH, connect, counted


class Guest:
    """One client: what it was told, how long that took and how many others were told before."""

    answer = b""
    place = -1
    seconds = -1.0

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.asked = time.monotonic()


class Crowd:
    """Clients of one socket that ask without waiting for one another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = selectors.DefaultSelector()
        self.told: list[Guest] = []  # in the order of their answers

    def ask(self, user: str, password: str, *, realm: str = "", service: str = "smtp", address: str = "") -> Guest:
        """Send a question; `address` is the far host's, as the fifth field names it."""
        fields = [user, password, service, realm, *([f"{address};4711"] if address else [])]
        guest = Guest(connect(self._path))
        guest.socket.sendall(counted(*(field.encode() for field in fields)))
        self._waiting.register(guest.socket, selectors.EVENT_READ, guest)
        return guest

    def wait(self, *guests: Guest) -> list[bytes]:
        """Give the answers of these, when all of them have come."""
        ends = time.monotonic() + ENOUGH
        while any(guest.place < 0 for guest in guests):
            assert time.monotonic() < ends, f"waited {ENOUGH:g} s for answers"
            for key, _ in self._waiting.select(1.0):
                self._read(key.data)
        return [guest.answer for guest in guests]

    def _read(self, guest: Guest) -> None:
        data = guest.socket.recv(4096)
        guest.answer += data
        if data:
            return
        guest.seconds = time.monotonic() - guest.asked
        guest.place = len(self.told)
        self.told.append(guest)
        self._waiting.unregister(guest.socket)
        guest.socket.close()
