"""Files that decide who comes in."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from authd_backends import files
from authd_backends.errors import Unavailable

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_bytes(b"old\n")
    path.chmod(0o640)
    return path


def test_a_file_that_only_its_owner_may_write_is_opened(users: Path) -> None:
    descriptor = files.open_trusted(users)
    content = os.read(descriptor, 10)
    os.close(descriptor)

    assert content == b"old\n"


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o666, 0o622])
def test_a_file_that_others_may_write_is_refused(users: Path, mode: int) -> None:
    users.chmod(mode)

    with pytest.raises(
        Unavailable, match=rf"users: expected a file that only its owner may write, got mode {mode:04o}"
    ):
        files.open_trusted(users)


@as_root
def test_a_file_of_somebody_else_is_refused(users: Path) -> None:
    os.chown(users, NOBODY, -1)

    with pytest.raises(Unavailable, match=f"expected owner root or uid 0, got uid {NOBODY}"):
        files.open_trusted(users)


def test_a_missing_file_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing: No such file"):
        files.open_trusted(tmp_path / "nothing")
    with pytest.raises(Unavailable, match="nothing: No such file"):
        files.stamp(tmp_path / "nothing")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """Opening a FIFO would wait for its writer."""
    os.mkfifo(tmp_path / "fifo", 0o600)

    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(Unavailable, match="expected a regular file"):
            files.open_trusted(path)


def test_what_is_no_regular_file_or_larger_than_it_may_be_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "full").write_bytes(b"12345678")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    before = _open_descriptors()

    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(OSError, match="expected a regular file"):
            files.read_regular(path, 8)
    with pytest.raises(OSError, match="expected at most 8 bytes, got more"):
        files.read_regular(tmp_path / "sparse", 8)

    assert files.read_regular(tmp_path / "full", 8) == b"12345678"
    assert _open_descriptors() == before


def test_refused_files_leave_no_descriptor_open(users: Path) -> None:
    users.chmod(0o666)
    before = _open_descriptors()

    for _ in range(10):
        with pytest.raises(Unavailable):
            files.open_trusted(users)

    assert _open_descriptors() == before


def test_the_stamp_differs_after_every_kind_of_change(users: Path) -> None:
    stamps = [files.stamp(users)]
    users.write_bytes(b"new, and longer\n")
    stamps.append(files.stamp(users))
    files.replace(users, b"new, and longer\n")
    stamps.append(files.stamp(users))
    os.utime(users, ns=(1, 1))
    stamps.append(files.stamp(users))

    assert len(set(stamps)) == 4
    assert files.stamp(users) == stamps[-1]


def test_a_replaced_file_keeps_its_mode(users: Path) -> None:
    files.replace(users, b"new\n")

    assert users.read_bytes() == b"new\n"
    assert stat.S_IMODE(users.stat().st_mode) == 0o640
    assert [each.name for each in users.parent.iterdir()] == ["users"]


@as_root
def test_a_replaced_file_keeps_its_owner_and_group(users: Path) -> None:
    os.chown(users, NOBODY, 12345)

    files.replace(users, b"new\n")

    assert (users.stat().st_uid, users.stat().st_gid) == (NOBODY, 12345)


def test_a_new_file_is_its_owners_alone_unless_asked(tmp_path: Path) -> None:
    files.replace(tmp_path / "one", b"x")
    files.replace(tmp_path / "two", b"x", mode=0o640, group=os.getegid())

    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "two").stat().st_mode) == 0o640


def test_a_link_stays_and_the_file_behind_it_is_replaced(users: Path) -> None:
    link = users.parent / "link"
    link.symlink_to(users)

    files.replace(link, b"new\n")

    assert link.is_symlink()
    assert users.read_bytes() == b"new\n"


@as_root
def test_what_is_no_regular_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    """Root can do that to /dev/null, and /dev/stdout may lead there."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")

    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path):
        with pytest.raises(OSError, match="expected a regular file, got something else"):
            files.replace(path, b"new")

    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_loop_of_links_is_no_file_to_replace(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        files.replace(tmp_path / "one", b"new")
    with pytest.raises(OSError, match="Too many levels of symbolic links"), files.locked(tmp_path / "one"):
        pass

    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


def test_a_link_of_another_user_is_not_followed(users: Path) -> None:
    """Whoever may write the directory would choose the file that root writes."""
    link = users.parent / "link"
    link.symlink_to(users)
    os.lchown(link, NOBODY, NOBODY)

    with pytest.raises(OSError, match="symbolic link of another user"):
        files.replace(link, b"new\n")

    assert users.read_bytes() == b"old\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        files.replace(users, b"new\n")

    assert users.read_bytes() == b"old\n"
    assert [each.name for each in users.parent.iterdir()] == ["users"]


def test_a_lock_keeps_other_writers_out_until_it_is_let_go(users: Path) -> None:
    beside = users.parent / ".users.lock"

    with files.locked(users), beside.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with beside.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_is_no_link(users: Path) -> None:
    (users.parent / ".users.lock").symlink_to(users.parent / "elsewhere")

    with pytest.raises(OSError, match=r"Too many levels|Symbolic"), files.locked(users):
        raise AssertionError("not reached")

    assert not (users.parent / "elsewhere").exists()


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
