"""Asks the running daemon over its control socket. Imports little: each command of the operator's pays for it."""

import errno
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from authd.control.messages import MAX_ANSWER, Command, Failure, MessageError, decode_answer, encode_command

DEADLINE = 30.0  # seconds; the daemon's own are far below


class ControlError(Exception):
    """No answer, or the daemon's word on why there is none."""

    def __init__(self, text: str, failure: Failure) -> None:
        super().__init__(text)
        self.failure = failure


def ask(path: Path, command: Command) -> dict[str, Any]:
    """Give the daemon's answer. Raises ControlError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _connect(connection, path)
            answer = decode_answer(_exchange(connection, encode_command(command)))
    except MessageError as error:
        raise ControlError(f"{path}: {error}", Failure.ABSENT) from None
    except OSError as error:
        raise _told(path, error) from None
    if "error" in answer:
        failures = {each.value: each for each in Failure}
        raise ControlError(str(answer["error"]), failures.get(str(answer.get("failure")), Failure.DEFECT))
    return answer


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect, waiting in a full backlog for as long as `DEADLINE`: only a blocking socket waits there (unix(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(DEADLINE), 0))
    connection.connect(str(path))


def _exchange(connection: socket.socket, line: bytes) -> bytes:
    end = time.monotonic() + DEADLINE
    with suppress(BrokenPipeError):  # who is turned away unheard is told why
        connection.sendall(line)
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(max(end - time.monotonic(), 0.001))
        data = connection.recv(64 * 1024)
        received += data
        if not data or len(received) > MAX_ANSWER:
            raise MessageError("expected an answer, got a part of it" if received else "expected an answer, got none")
    return bytes(received)


def _told(path: Path, error: OSError) -> ControlError:
    match error.errno:
        case errno.ENOENT | errno.ECONNREFUSED:
            return ControlError(f"{path}: expected authd to listen there, got nobody", Failure.ABSENT)
        case errno.EACCES | errno.EPERM:
            text = f"{path}: expected the right to connect, as root and the group authd-admin have it, got none"
            return ControlError(text, Failure.REFUSED)
        case _:
            return ControlError(f"{path}: {error.strerror or error}", Failure.ABSENT)
