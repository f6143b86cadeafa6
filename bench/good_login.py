"""A good login every half second, and how long each takes."""

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.databases import PASSWORD
from bench.generator import REALM, LoadError

_PERIOD = 0.5  # seconds
_OK = b"\0\2OK"


@dataclass(frozen=True, slots=True)
class GoodLogin:
    """Who logs in, and where."""

    socket: Path
    service: str
    user: str = "user0"
    password: str = PASSWORD
    patience: int = 120  # seconds for an answer

    def milliseconds(self) -> float:
        """Log in once. Raises LoadError at any answer but OK."""
        fields = [each.encode() for each in (self.user, self.password, self.service, REALM)]
        began = time.perf_counter()
        with socket.socket(socket.AF_UNIX) as client:
            for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):  # connect waits while the backlog is full
                client.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", self.patience, 0))
            client.connect(str(self.socket))
            client.sendall(b"".join(struct.pack(">H", len(field)) + field for field in fields))
            answer = b"".join(iter(lambda: client.recv(64), b""))
        if answer != _OK:
            raise LoadError(f"{self.socket.name}: expected OK for {self.user}, got {answer!r}")
        return 1000 * (time.perf_counter() - began)


def log_in(login: GoodLogin, times: int) -> list[float]:
    """Begin so many logins, one every half second, however long those before take. Gives milliseconds."""
    with ThreadPoolExecutor(max_workers=times) as threads:
        begun = []
        for _ in range(times):
            time.sleep(_PERIOD)
            begun.append(threads.submit(login.milliseconds))
        return [each.result() for each in begun]
