"""A daemon as those before systemd were: in the background, with a file that holds its process number."""

import fcntl
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from authd.unix.libc import prctl
from authd.unix.process import PR_SET_CHILD_SUBREAPER

_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class ForkError(Exception):
    """No process can be had just now."""


class PidFileError(Exception):
    """A pid file that cannot be had."""


class AlreadyRunningError(PidFileError):
    """The daemon whose pid file it is runs."""


class PidFile:
    """Holds the number of this process, and is locked as long as it runs: with fcntl(2), as Cyrus's saslauthd does.

    Such a lock belongs to the process that took it. No child of it has it, and closing the file anywhere in the
    process would lose it.
    """

    def __init__(self, path: Path) -> None:
        """Raises PidFileError, AlreadyRunningError among them."""
        self._path = path
        try:
            self._descriptor = self._locked()
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise PidFileError(f"{path}: expected to write it, got: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the file, and let go of it afterwards: who locks it then sees that it is gone."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _locked(self) -> int:
        """Open and lock it, once more where its former owner has removed it meanwhile."""
        while True:
            descriptor = os.open(self._path, _OPEN | os.O_CREAT, 0o600)
            try:
                _lock(descriptor, self._path)
                if self._is_there(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.lstat())
        except FileNotFoundError:
            return False


def check_free(path: Path) -> None:
    """Raise AlreadyRunningError where another process has the pid file, and PidFileError where nobody could have it."""
    try:
        descriptor = os.open(path, _OPEN)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PidFileError(f"{path}: expected to write it, got: {error.strerror}") from error
    try:
        _lock(descriptor, path)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # fcntl(2): EAGAIN or EACCES
        owner = _who(os.read(descriptor, 16))
        raise AlreadyRunningError(f"{path}: expected it free, got it locked by {owner}") from None


def _who(written: bytes) -> str:
    number = written.strip()
    return f"pid {number.decode()}" if number.isdigit() else "another process"


def forked() -> int:
    """Fork, and give the child's pid, or 0 in the child. Raises ForkError."""
    try:
        return os.fork()
    except OSError as error:
        raise ForkError(f"expected to start a process, got: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Background:
    """A process in the background, which is a child of this one while this one is there."""

    pid: int
    said: int  # a pipe: what it writes to `sys.stderr`, until it has ended


def in_background(life: Callable[[], int]) -> Background:
    """Run `life` in a session without a terminal, with /dev/null for standard streams; its value is the exit status.

    The process is no leader of its session, so that no terminal that it opens becomes its own. Raises ForkError.
    """
    said, writing = os.pipe()
    numbers, number = os.pipe()
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # and so the parent of a grandchild whose parent ends
    between = forked()
    if between == 0:
        status = 0
        try:
            os.setsid()
            if os.fork() == 0:
                _live(life, writing, number)
        except OSError as error:
            status = error.errno or 1
        finally:
            os._exit(status)
    os.close(writing)
    os.close(number)
    _, ended = os.waitpid(between, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 0)
    if status := os.waitstatus_to_exitcode(ended):
        raise ForkError(f"expected to start a process, got: {os.strerror(status)}")
    with os.fdopen(numbers) as pipe:
        return Background(int(pipe.readline()), said)


def _live(life: Callable[[], int], writing: int, number: int) -> None:
    """Be that process, and never come back from it."""
    status = 1
    try:
        sys.stderr = os.fdopen(writing, "w", buffering=1, errors="backslashreplace")
        os.chdir("/")
        os.umask(0o077)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.close(null)
        os.write(number, f"{os.getpid()}\n".encode())
        os.close(number)
        status = life()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
