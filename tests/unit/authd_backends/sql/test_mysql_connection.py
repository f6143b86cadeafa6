"""What a hostile server, or who stands in for one, asks of us in vain."""

import asyncio
import struct
from collections.abc import Iterable

import pytest

from authd_backends import LoopBackend, Outcome, Request, Secret
from tests.servers.asking import loop_backend

PASSWORD = "of the account"
OK = b"\0\0\0\2\0\0\0"
SALT = b"s" * 20
_CAPABILITIES = 0x00088208  # with a database, of protocol 4.1, secure, with plugins; without TLS


def handshake(plugin: bytes = b"mysql_native_password") -> bytes:
    """The packet Protocol::HandshakeV10."""
    low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
    head = b"\x0a10.11.0-MariaDB\0" + struct.pack("<I8sxHBHHB10x", 1, SALT[:8], low, 45, 2, high, 21)
    return head + SALT[8:] + b"\0" + plugin + b"\0"


class HostileServer:
    """Begins with a handshake and answers whatever it is told by one packet after another."""

    def __init__(self, first: bytes, answers: Iterable[bytes]) -> None:
        self._first = first
        self._answers = list(answers)
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(self._first, 0))
        try:
            for answer in self._answers:
                length = await reader.readexactly(4)
                self.heard += await reader.readexactly(int.from_bytes(length[:3], "little"))
                writer.write(framed(answer, length[3] + 1))
            self.heard += await reader.read()
        except asyncio.IncompleteReadError as cut:
            self.heard += cut.partial
        finally:
            writer.close()


def framed(payload: bytes, number: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def asked(server: HostileServer) -> str:
    """Let a backend ask this server, and give the reason of the outage."""

    async def story() -> str:
        async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            backend: LoopBackend = loop_backend(
                "mysql",
                {
                    "hosts": [f"127.0.0.1:{port}"],
                    "user": "authd",
                    "password": PASSWORD,
                    "database": "mail",
                    "query": "SELECT password FROM users WHERE login = :login",
                },
            )
            verdict = await backend.check(Request("alice", Secret(b"secret")))
            backend.close()
        assert verdict.outcome is Outcome.UNAVAILABLE
        return verdict.reason

    return asyncio.run(story())


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_the_bare_password_is_told_to_nobody_without_tls(plugin: bytes) -> None:
    later = HostileServer(handshake(), [b"\xfe" + plugin + b"\0" + SALT, OK, OK, OK, OK])
    at_once = HostileServer(handshake(plugin), [b"\xfe" + plugin + b"\0" + SALT, OK, OK, OK, OK])

    for server in (later, at_once):
        assert "expected TLS, got a server that asks for the bare password" in asked(server)
        assert PASSWORD.encode() not in server.heard


def test_no_file_is_sent() -> None:
    server = HostileServer(handshake(), [OK, OK, OK, OK, b"\xfb/etc/passwd", OK])

    assert "expected rows, got a server that asks for a file" in asked(server)
    assert b"root:" not in server.heard


def test_one_statement_is_sent_at_a_time() -> None:
    server = HostileServer(handshake(), [OK, OK, OK, OK, OK])

    asked(server)

    flags = int.from_bytes(server.heard[:4], "little")
    assert not flags & 0x10000  # CLIENT_MULTI_STATEMENTS


def test_what_is_no_server_of_mysql_is_an_outage() -> None:
    for nonsense in (b"", b"HTTP/1.1 400 Bad Request", b"\x0a", b"\xff" * 300):
        assert asked(HostileServer(nonsense, [OK] * 9))
