"""Files that decide who comes in: opened only where nobody else may write them, replaced whole or not at all."""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from authd_backends.errors import Unavailable


class Stamp(NamedTuple):
    """What differs whenever a file was replaced, written, or given to somebody else."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def stamp(path: Path) -> Stamp:
    """Give the stamp of the file that a path leads to. Raises Unavailable where there is none."""
    try:
        return stamp_of(os.stat(path))  # noqa: PTH116  # half the time of Path.stat, at each check
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error


def stamp_or_none(path: Path) -> Stamp | None:
    """Give the stamp of a file, None where there is none."""
    try:
        return stamp(path)
    except Unavailable:
        return None


def open_trusted(path: Path) -> int:
    """Open a file for reading and give its descriptor.

    Raises Unavailable where it is missing or unreadable, is no regular file, belongs neither to root nor to us, or
    may be written by its group or by others. A symbolic link is followed: what counts is the file behind it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    if problem := trust_problem(os.fstat(descriptor), os.geteuid()):
        os.close(descriptor)
        raise Unavailable(f"{path}: {problem}")
    return descriptor


def open_regular(path: Path) -> int:
    """Open a file for reading, whoever may write it, and give its descriptor.

    Raises OSError, also for what is no regular file: a pipe or a device might keep its reader waiting for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_regular(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: Path, most: int) -> bytes:
    """Read a file of at most so many bytes. Raises OSError as `open_regular`, and for a larger one."""
    with os.fdopen(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size <= most and len(content := file.read(most + 1)) <= most:
            return content
    raise OSError(errno.EFBIG, f"expected at most {most} bytes, got more", str(path))


def check_not_open_to_all(path: Path, mode: int) -> None:
    """Raises Unavailable for what is no regular file, and for one that others than its owner and group may write."""
    if not stat.S_ISREG(mode):
        raise Unavailable(f"{path}: expected a regular file, got something else")
    if mode & stat.S_IWOTH:
        expected = "expected a file that only its owner and group may write"
        raise Unavailable(f"{path}: {expected}, got mode {stat.S_IMODE(mode):04o}")


def trust_problem(status: os.stat_result, reader: int) -> str:
    """Say why a reader of this uid does not trust a file; nothing where it does."""
    if not stat.S_ISREG(status.st_mode):
        return "expected a regular file, got something else"
    if status.st_uid not in (0, reader):
        return f"expected owner root or uid {reader}, got uid {status.st_uid}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"expected a file that only its owner may write, got mode {stat.S_IMODE(status.st_mode):04o}"
    return ""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other writers of a file out, by flock on ``.NAME.lock`` beside it, which stays there.

    Raises OSError. Waits as long as another writer takes.
    """
    target = _target(path)
    beside = target.with_name(f".{target.name}.lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, *, mode: int = 0o600, group: int = -1) -> None:
    """Replace a file in one step, synced to the disk: readers see the old one or the new one, whole.

    Owner, group and mode of an existing file are kept; `mode` and `group` are for a new one. Of a symbolic link the
    file behind it is replaced, so that the link stays. Raises OSError, also for what is no regular file, and then
    nothing has changed.
    """
    target = _target(path)
    new = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _give_rights(descriptor, target, mode, group)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        new.rename(target)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    _sync_directory(target.parent)


def _target(path: Path) -> Path:
    """What a path leads to.

    Raises OSError for somebody else's link, which might lead root to any file, and for what is no file: root can put
    one in the place of /dev/null.
    """
    if path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, "is a symbolic link of another user", str(path))
    with suppress(FileNotFoundError):
        _check_regular(path, path.stat())  # of a loop of links each version of Python would tell in its own way
    return path.resolve()


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "expected a regular file, got something else", str(path))


def _give_rights(descriptor: int, existing: Path, mode: int, group: int) -> None:
    """Owner and mode before the content: it is never readable by more than it should be."""
    try:
        status = existing.stat()
    except FileNotFoundError:
        os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        return
    ours = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
