import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from authd.control import server
from authd.control.messages import Command
from authd.control.server import ControlServer


async def nothing(command: Command) -> Mapping[str, Any]:
    raise AssertionError(command)


def said_to(path: Path, sent: bytes) -> bytes:
    """Send this to a server, and give what it says until it closes."""

    def client() -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60.0)
            connection.connect(str(path))
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    async def live() -> bytes:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            listening.setblocking(False)
            serving = ControlServer(listening, nothing, None)
            serving.start()
            said = await asyncio.to_thread(client)
            serving.stop()
            return said

    return asyncio.run(live())


def test_who_never_says_what_it_wants_is_left_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DEADLINE", 0.05)

    assert said_to(tmp_path / "s", b'{"command": ') == b""


def test_a_defect_of_an_answer_is_told_without_its_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    said = said_to(tmp_path / "s", b'{"command": "status"}\n')

    assert json.loads(said) == {"error": "AssertionError", "failure": "defect"}
    assert "control: AssertionError at " in caplog.text
