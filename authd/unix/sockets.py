"""Unix sockets that appear whole, leave only by their maker, and tell who calls.

A socket may lie in a directory that belongs to somebody else: those of a Postfix chroot are postfix's, who may be
hostile. So everything here is relative to a descriptor of that directory, no file of it has its owner or mode
changed, and a socket becomes itself inside a directory of ours that nobody else can enter before it is moved out.
"""

import fcntl
import grp
import logging
import os
import pwd
import shlex
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

PATIENCE = 2.0  # seconds; a front whose parent was killed lets go of its sockets within this
PAUSE = 0.1  # seconds between two looks
SO_PEERGROUPS = 59  # asm-generic/socket.h; Linux 4.13
UNCHANGED = -1  # chown(2): leave the owner, or the group, as it is

_UCRED = struct.Struct("iII")  # struct ucred: pid, uid, gid

_T = TypeVar("_T")

log = logging.getLogger(__name__)


class SocketError(Exception):
    """A socket that cannot be had; the text says where, what was expected and what was there."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who connected, or for a client: who listens (unix(7), SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


def peer_credentials(connection: socket.SocketType) -> Credentials:
    """Ask the kernel who was at the other end when the connection was made."""
    return Credentials(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def peer_groups(connection: socket.socket) -> tuple[int, ...]:
    """Ask the kernel which supplementary groups who is at the other end had when the connection was made.

    Raises OSError where there are more than 256, what Python's getsockopt(2) takes.
    """
    found = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
    return struct.unpack(f"{len(found) // 4}I", found)


@dataclass(frozen=True, slots=True)
class _Place:
    """A name in a directory that is held open."""

    directory: int
    name: str
    path: Path

    @property
    def address(self) -> str:
        """What bind(2) and connect(2) take: no longer than they can bear, however deep the directory lies."""
        return f"/proc/self/fd/{self.directory}/{self.name}"

    def status(self) -> os.stat_result | None:
        """Give the status of what has the name, be it a symbolic link; None where nothing has it."""
        try:
            return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None


class BoundSocket:
    """A listening socket, non-blocking, and the right to remove its file."""

    def __init__(self, listening: socket.socket, place: _Place, lock: int, identity: tuple[int, int]) -> None:
        self.socket = listening
        self.path = place.path
        self._place = place
        self._identity = identity
        self._held = [lock, place.directory]

    def unlink(self) -> None:
        """Remove the file, if it is still the one that `bind` made and this process has not disowned it."""
        if not self._held:
            return
        try:
            found = self._place.status()
            if found is not None and _identity(found) == self._identity:
                os.unlink(self._place.name, dir_fd=self._place.directory)
        except FileNotFoundError:
            pass
        except OSError as error:  # whoever waits is answered all the same, and the next start replaces it
            log.warning("%s: expected to remove the socket, got: %s", self.path, error.strerror)

    def change(self, *, mode: int, owner: str | None, group: str | None, backlog: int) -> None:
        """Give the file another mode, owner and group, as in `bind`. Raises SocketError."""
        try:
            ids = (
                os.geteuid() if owner is None else _owner_id(owner),
                os.getegid() if group is None else _group_id(group),
            )
            found = self._check_still_ours()
            if (found.st_uid, found.st_gid) != ids:
                _give(self._place, ids)
            os.chmod(self._place.name, mode, dir_fd=self._place.directory)
            self.socket.listen(backlog)
        except SocketError as error:
            raise SocketError(f"{self.path}: {error}") from error
        except OSError as error:
            raise SocketError(f"{self.path}: expected to change it, got: {error.strerror}") from error

    def _check_still_ours(self) -> os.stat_result:
        found = self._place.status() if self._held else None
        if found is None or _identity(found) != self._identity:
            raise SocketError("expected the socket that was made here, got none")
        return found

    def disown(self) -> None:
        """Keep the socket and leave its file and its lock to the process that this one was forked from."""
        while self._held:
            os.close(self._held.pop())

    def close(self) -> None:
        """Let go of the socket and of the lock: from here on another process may have the path."""
        self.socket.close()
        self.disown()


def bind(path: Path, *, mode: int, owner: str | None, group: str | None, backlog: int) -> BoundSocket:
    """Listen at `path` with a socket that appears at once with its mode, owner and group (None: those of this process).

    NAME.lock beside it is held by flock(2) until `close` or the end of the process, and stays. A socket that nobody
    listens at is replaced. Raises SocketError if another process listens there (after `PATIENCE` seconds), if
    anything else has the name, or if the directory, the owner or the group does not exist.
    """
    try:
        ids = _owner_id(owner), _group_id(group)
        with ExitStack() as undone:
            directory = _open_directory(path.parent, group)
            undone.callback(os.close, directory)
            place = _Place(directory, path.name, path)
            lock = _lock(place)
            undone.callback(os.close, lock)
            _await_vacancy(place)
            listening, identity = _appear(place, mode, ids, backlog)
            undone.pop_all()
            return BoundSocket(listening, place, lock, identity)
    except SocketError as error:
        raise SocketError(f"{path}: {error}") from error
    except OSError as error:
        raise SocketError(f"{path}: expected to listen there, got: {error.strerror or error}") from error


def _owner_id(owner: str | None) -> int:
    try:
        return UNCHANGED if owner is None else pwd.getpwnam(owner).pw_uid
    except (KeyError, ValueError):  # a NUL is a ValueError
        raise SocketError(f"owner: expected a user of this system, got {owner!r}") from None


def _group_id(group: str | None) -> int:
    try:
        return UNCHANGED if group is None else grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):  # a NUL is a ValueError
        raise SocketError(f"group: expected a group of this system, got {group!r}") from None


def _open_directory(directory: Path, group: str | None) -> int:
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112  # an address is made of it
        raise SocketError("expected /proc to be mounted, got none")
    try:
        return os.open(directory, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        command = f"install -d -o root -g {shlex.quote(group or 'sasl')} -m 0710 {shlex.quote(str(directory))}"
        raise SocketError(f"expected its directory, got none; make it: {command}") from None


def _patiently(step: Callable[[], _T | None]) -> _T | None:
    """Take a step until it gives something: an instance that was killed a moment ago may not be gone yet."""
    end = time.monotonic() + PATIENCE
    while (got := step()) is None and time.monotonic() < end:
        time.sleep(PAUSE)
    return got


def _lock(place: _Place) -> int:
    name = f"{place.name}.lock"
    try:
        lock = _patiently(partial(_try_lock, name, place.directory))
    except OSError as error:
        raise SocketError(f"expected to lock {name} beside it, got: {error.strerror}") from error
    if lock is None:
        raise SocketError(f"expected {name} to be free, got it locked by {_listener(place) or 'another process'}")
    return lock


def _try_lock(name: str, directory: int) -> int | None:
    lock = os.open(name, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _await_vacancy(place: _Place) -> None:
    if _patiently(partial(_vacant, place)) is None:
        raise SocketError(f"expected nobody to listen there, got {_listener(place) or 'another process'}")


def _vacant(place: _Place) -> bool | None:
    found = place.status()
    if found is not None and not stat.S_ISSOCK(found.st_mode):
        raise SocketError(f"expected a socket or nothing, got {_kind(found.st_mode)}, which is not for us to remove")
    return True if found is None or _listener(place) is None else None


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def _listener(place: _Place) -> str | None:
    """Say who listens at the socket; None where nobody does any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(place.address)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except BlockingIOError:
            return "a process that accepts nobody: its backlog is full"
        except OSError as error:
            return f"a socket that cannot be asked: {error.strerror}"
        there = peer_credentials(probe)
    return f"pid {there.pid} ({_command(there.pid)}, uid {there.uid})"


def _command(pid: int) -> str:
    try:
        return ascii(Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n").decode("utf-8", "surrogateescape"))
    except OSError:
        return "gone"


def _appear(place: _Place, mode: int, ids: tuple[int, int], backlog: int) -> tuple[socket.socket, tuple[int, int]]:
    """Make the socket where nobody else comes, and move it to its place when nothing about it will change again.

    Inside, a mode set after bind(2) is seen by nobody, and needs no umask of 0 for the whole process as one set
    before it does. Renaming replaces a dead socket with a live one at once.
    """
    with ExitStack() as undone:
        listening = undone.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        with _private_directory(place) as private:
            listening.bind(private.address)
            os.chmod(private.name, mode, dir_fd=private.directory)
            _give(private, ids)
            listening.listen(backlog)
            identity = _identity(os.stat(private.name, dir_fd=private.directory))
            os.rename(private.name, place.name, src_dir_fd=private.directory, dst_dir_fd=place.directory)
        undone.pop_all()
    return listening, identity


def _give(private: _Place, ids: tuple[int, int]) -> None:
    if ids == (UNCHANGED, UNCHANGED):  # a seccomp filter may forbid even to change nothing
        return
    try:
        os.chown(private.name, *ids, dir_fd=private.directory, follow_symlinks=False)
    except PermissionError as error:
        raise SocketError(f"owner, group: expected the right to give it to them, got: {error.strerror}") from error


@contextmanager
def _private_directory(place: _Place) -> Iterator[_Place]:
    """Give the same name in a directory that only this user enters and that is gone afterwards."""
    name = f".authd-{os.urandom(8).hex()}"
    os.mkdir(name, 0o700, dir_fd=place.directory)
    with ExitStack() as undone:
        undone.callback(_remove, os.rmdir, name, place.directory)
        directory = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.directory)
        undone.callback(os.close, directory)
        _check_private(directory)
        undone.callback(_remove, os.unlink, place.name, directory)
        yield _Place(directory, place.name, place.path)


def _remove(remove: Callable[..., None], name: str, directory: int) -> None:
    with suppress(OSError):  # it was moved out, or whoever owns the place renamed it meanwhile
        remove(name, dir_fd=directory)


def _check_private(directory: int) -> None:
    found = os.stat(directory)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise SocketError("expected to find the directory that was just made, got another one in its stead")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
