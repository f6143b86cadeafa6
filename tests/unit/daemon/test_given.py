"""Which of a service manager's sockets belongs to which listener."""

import socket
from pathlib import Path

import pytest

from authd.config.load import EMBEDDED, parse
from authd.daemon.given import NONE, Given
from authd.unix.sockets import SocketError

BACKEND = '[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'


def listening(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(address)
    made.listen()
    return made


def listener(path: Path) -> str:
    return f'[[listeners]]\npath = "{path}"\n'


def paths(given: Given, text: str, source: str = "authd.toml") -> tuple[list[Path], int]:
    """The listeners, and how many warnings came with them."""
    found = given.added_to(parse(source, (text + BACKEND).encode()))
    return [each.path for each in found.settings.listeners], len(found.warnings)


def test_without_any_the_configuration_stays_as_it_is() -> None:
    loaded = parse("authd.toml", BACKEND.encode())

    assert NONE.added_to(loaded) is loaded
    assert not NONE


def test_one_that_is_named_keeps_the_spelling_of_the_file_and_others_follow_with_a_warning(tmp_path: Path) -> None:
    given = Given([listening(f"{tmp_path}/mux"), listening(f"{tmp_path}/other")])
    (tmp_path / "link").symlink_to(tmp_path)

    assert paths(given, listener(tmp_path / "link/mux")) == ([tmp_path / "link/mux", tmp_path / "other"], 1)
    assert paths(given, listener(Path("/elsewhere"))) == ([Path("/elsewhere"), tmp_path / "mux", tmp_path / "other"], 2)


@pytest.mark.parametrize(("text", "source"), [("", "authd.toml"), (listener(Path("/run/default")), EMBEDDED)])
def test_they_are_alone_where_nobody_has_chosen_a_listener(tmp_path: Path, text: str, source: str) -> None:
    given = Given([listening(f"{tmp_path}/mux")])

    assert paths(given, text, source) == ([tmp_path / "mux"], 0)


def test_what_is_opened_can_be_closed_and_opened_again(tmp_path: Path) -> None:
    given = Given([listening(f"{tmp_path}/mux")])
    first = given.open(tmp_path / "mux")
    assert first is not None
    first.unlink()
    first.close()

    again = given.open(tmp_path / "mux")

    assert again is not None
    with again.socket, socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/mux")
        again.socket.accept()[0].close()
    assert given.open(tmp_path / "missing") is None


@pytest.mark.parametrize("address", ["\0authd-test-{}", "relative-{}"])
def test_one_without_an_absolute_path_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with listening(address.format(tmp_path.name)) as made, pytest.raises(SocketError, match="an absolute path"):
        Given([made])
