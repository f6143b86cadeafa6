import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config import load as loading
from authd.config.errors import ConfigError
from authd.config.load import MAX_SIZE, load
from tests.unit.config.files import USERS, loaded, problems

NOBODY = 65534


def test_a_file_is_loaded_under_its_name(tmp_path: Path) -> None:
    result = loaded(tmp_path, USERS)

    assert result.source == str(tmp_path / "authd.toml")
    assert result.warnings == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb =\n", r"2: expected TOML, got \".+\" at column 4"),
        ("a = 1\na = 2\n", r"2: expected TOML, got \".+\" at column 6"),
        ("[a]\n[b]\n[a]\n", r"3: expected TOML, got \".+\" at column 3"),
        ('a = """\n\n', r"3: expected TOML, got \".+\" at the end"),
    ],
)
def test_what_is_no_toml_is_told_by_its_place(tmp_path: Path, text: str, place: str) -> None:
    """In tomllib's own words, which differ between Pythons."""
    (problem,) = problems(tmp_path, text)

    assert re.fullmatch(f"authd.toml:{place}", problem)


def test_what_is_no_utf8_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "authd.toml"
    path.write_bytes(b"# caf\xc3\xa9\n# caf\xe9\n")

    assert told(path) == [f"{path}:2: expected UTF-8, got the byte 0xe9"]


def test_tables_nested_beyond_reason_are_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"a = {'[' * 100_000}")

    assert re.match("authd.toml(:1)?: expected TOML, got ", problem)


def test_what_is_nested_almost_beyond_reason_is_told_by_its_line(tmp_path: Path) -> None:
    """The search for the line needs as much of Python's stack as tomllib does."""
    for depth in range(400, 500):
        (problem, *_) = problems(tmp_path, f"\na = {'[' * depth}{']' * depth}\n{USERS}")

        assert problem.startswith(("authd.toml:2: a: expected a known key", "authd.toml: expected TOML"))


def test_a_number_beyond_reason_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"a = {'9' * 5000}")

    assert problem.startswith("authd.toml:1: expected TOML, got ")
    assert len(problem) < 200


def test_a_file_beyond_reason_is_refused() -> None:
    assert told(Path("/dev/zero")) == [f"/dev/zero: expected at most {MAX_SIZE} bytes, got more"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert told(tmp_path / "no") == [f"{tmp_path}/no: expected a file to read, got: No such file or directory"]


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert told(tmp_path) == [f"{tmp_path}: expected a file to read, got: Is a directory"]


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "authd.toml"
    path.write_text(USERS)
    path.chmod(0)

    with unprivileged():
        assert told(path) == [f"{path}: expected a file to read, got: Permission denied"]


def test_a_name_with_control_characters_is_escaped(tmp_path: Path) -> None:
    (problem,) = told(tmp_path / "a\n\x1b[2J")

    assert problem.isprintable()


def test_without_a_name_the_system_s_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "authd.toml"
    path.write_text(USERS)
    monkeypatch.setattr(loading, "CONFIG_FILE", path)

    assert load(None).source == str(path)


def test_without_any_file_the_embedded_default_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CONFIG_FILE", tmp_path / "absent" / "authd.toml")
    monkeypatch.setenv("STATE_DIRECTORY", '/var/lib/"authd"')
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/authd")

    result = load(None)

    (backend,) = result.settings.backends
    (listener,) = result.settings.listeners
    assert result.source == "embedded default"
    assert result.warnings == []
    assert (backend.name, backend.type, backend.options.path) == (
        "users",
        "passwd-file",
        Path('/var/lib/"authd"/users'),
    )
    assert listener.path == Path("/run/authd/mux")


@pytest.mark.parametrize(
    ("uid", "runtime", "path"),
    [
        (0, "", "/run/authd/control.sock"),
        (0, "/run/mail", "/run/mail/control.sock"),
        (1000, "", "/run/user/1000/authd/control.sock"),
    ],
)
def test_the_embedded_default_s_control_socket_lies_beside_the_clients_but_for_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, runtime: str, path: str
) -> None:
    monkeypatch.setattr(loading, "CONFIG_FILE", tmp_path / "absent" / "authd.toml")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setenv("RUNTIME_DIRECTORY", runtime)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")

    assert load(None).settings.control.path == Path(path)


def test_a_runtime_directory_too_long_for_a_socket_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CONFIG_FILE", tmp_path / "absent")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/" + "a" * 100)

    with pytest.raises(ConfigError, match=r"^embedded default:2: listeners\[1\].path: expected an absolute path of at"):
        load(None)


def test_a_dangling_link_is_an_error_and_never_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "authd.toml"
    path.symlink_to("gone")
    monkeypatch.setattr(loading, "CONFIG_FILE", path)

    with pytest.raises(ConfigError, match="expected a file to read, got: No such file or directory"):
        load(None)


@given(st.binary(max_size=200) | st.text('[]{}"=.\n ab#', max_size=80).map(str.encode))
def test_no_bytes_at_all_make_it_raise_anything_but_its_own_error(content: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        loading.parse("F", content)

    assert all(line.startswith("F:") and line.isprintable() for line in caught.value.problems)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the rights of root, who may read every file."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def told(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems
