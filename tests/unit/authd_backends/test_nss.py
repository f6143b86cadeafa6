import ctypes
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends import Unavailable, nss
from authd_backends.nss import Passwd, Shadow

LOOKUPS = [nss.getpwnam, nss.getspnam]
Lookup = Callable[[str], Passwd | Shadow | None]


@contextmanager
def no_descriptors() -> Iterator[None]:
    """No file can be opened meanwhile: whatever asks NSS ends in EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_root_is_found_by_name() -> None:
    root = nss.getpwnam("root")

    assert root is not None
    assert (root.name, root.uid) == ("root", 0)


def test_a_name_that_nobody_has_is_none() -> None:
    assert nss.getpwnam("nobody-has-this-name") is None


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_nss_out_of_descriptors_is_an_outage_and_no_unknown_user(lookup: Lookup) -> None:
    with no_descriptors(), pytest.raises(Unavailable, match="Too many open files"):
        lookup("nobody-has-this-name")


names = st.text(st.characters(codec="utf-8"), max_size=20)
impossible = st.one_of(
    st.just(""),
    st.builds(lambda before, bad, after: before + bad + after, names, st.sampled_from("\0:\n"), names),
    st.integers(nss.MAX_NAME + 1, 9000).map(lambda length: "x" * length),
    st.just("ä" * 128),  # 256 bytes
    st.just("\ud800"),  # no bytes are meant by it
)


@pytest.mark.parametrize("lookup", LOOKUPS)
@given(name=impossible)
def test_a_name_that_nobody_can_have_is_none_without_asking(lookup: Lookup, name: str) -> None:
    with no_descriptors():
        assert lookup(name) is None


def test_the_buffer_is_wiped_when_the_row_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers = []

    def keep(size: int) -> "ctypes.Array[ctypes.c_char]":
        buffers.append((ctypes.c_char * size)())
        return buffers[-1]

    monkeypatch.setattr(ctypes, "create_string_buffer", keep)
    assert nss.getpwnam("root") is not None

    assert [bytes(buffer).strip(b"\0") for buffer in buffers] == [b""]


def test_a_hash_is_not_shown() -> None:
    rows = (Passwd("alice", "$6$hash", 1000, "/bin/sh"), Shadow("$6$hash", 0, -1, -1, -1))

    assert not any("hash" in repr(row) for row in rows)


@pytest.mark.parametrize(
    ("field", "shadowed"),
    [("x", True), ("##alice", True), ("*NP*", True), ("##bob", False), ("", False), ("*", False)],
)
def test_where_the_password_is(field: str, *, shadowed: bool) -> None:
    assert Passwd("alice", field, 1000, "").is_shadowed is shadowed


# ── generation ──


@pytest.fixture
def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nsswitch.conf"
    path.write_text("passwd: files\n")
    monkeypatch.setattr(nss, "NSSWITCH", path)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# passwd: sss\n",
        "passwd:files\nshadow:\tfiles\nhosts: dns sss\n",
        "passwd: files [NOTFOUND=return] systemd # sss\n",
    ],
)
def test_files_alone_have_a_generation(switch: Path, text: str) -> None:
    switch.write_text(text)

    assert nss.generation(nss.PASSWD) is not None


@pytest.mark.parametrize("text", ["passwd: files sss\n", "passwd: files\nshadow: ldap\n", " passwd : compat\n"])
def test_with_other_sources_there_is_no_generation(switch: Path, text: str) -> None:
    switch.write_text(text)

    assert nss.generation(nss.PASSWD) is None


def test_the_generation_differs_when_a_file_changes_or_other_sources_come(switch: Path, tmp_path: Path) -> None:
    users = tmp_path / "passwd"
    users.write_text("root")
    first = nss.generation(users)
    users.write_text("root, alice")
    second = nss.generation(users)
    switch.write_text("passwd: files sss\n")

    assert len({first, second, nss.generation(users)}) == 3


def test_what_cannot_be_looked_at_has_no_generation(switch: Path, tmp_path: Path) -> None:
    switch.unlink()

    assert nss.generation(nss.PASSWD) is None
    assert nss.generation(tmp_path / "missing") is None


# ── files of users ──


def test_a_file_of_users_is_readable_and_not_empty(tmp_path: Path) -> None:
    empty = tmp_path / "passwd"
    empty.touch()

    nss.check_readable(nss.PASSWD)
    with pytest.raises(Unavailable, match="passwd: expected users, got an empty file"):
        nss.check_readable(empty)
    with pytest.raises(Unavailable, match=f"missing: {os.strerror(2)}"):
        nss.check_readable(tmp_path / "missing")
