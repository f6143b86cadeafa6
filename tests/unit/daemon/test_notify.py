import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from authd.daemon import notify


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What listens where systemd would, by either kind of address."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(address.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield manager


def test_the_manager_hears_of_start_and_end(manager: socket.socket) -> None:
    notify.ready()
    notify.stopping()

    assert (manager.recv(100), manager.recv(100)) == (b"READY=1", b"STOPPING=1")


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody listens", "x" * 200])
def test_a_manager_that_is_not_there_is_nobodys_trouble(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    notify.ready()


def test_without_a_manager_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    notify.ready()
