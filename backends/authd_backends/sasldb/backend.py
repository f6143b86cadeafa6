"""The backend `sasldb`: passwords from the file that `saslpasswd2` keeps."""

import os
import socket
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from authd_backends.contract import Outcome, Placement, Request, Verdict
from authd_backends.errors import Unavailable
from authd_backends.files import Stamp, check_not_open_to_all, stamp, stamp_of, stamp_or_none
from authd_backends.sasldb.berkeley_hash import HashFile
from authd_backends.sasldb.database import DamagedError, Database
from authd_backends.sasldb.entries import Password, password_of, user_key
from authd_backends.sasldb.formats import HEAD_BYTES, Format, recognise
from authd_backends.sasldb.gdbm_file import GdbmFile
from authd_backends.sasldb.lmdb_file import LmdbFile

MAX_LOOKS = 8  # at one request, while the file is being written
# Within so many ns two writes may leave one mtime: the kernel's coarse clock ticks every 1 to 10 ms.
_CLOCK_STEP = 20_000_000

_ACCEPTED = Verdict(Outcome.ACCEPTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class SasldbOptions:
    path: Path = Path("/etc/sasldb2")
    """The file; its format is told by its first bytes."""
    realm: str | None = None
    """Where the client sends none. Not set: the host's name, as Cyrus has it."""


class _Look(NamedTuple):
    """What the file held, or why it could not be read, at one moment."""

    stamp: Stamp | None
    password: Password | None = None
    problem: str = ""


class SasldbBackend:
    """Looks up the login in the realm that the client sent, or else in the default one, as Cyrus's daemon does.

    A login with an "@" is looked up whole, as there. `saslpasswd2` makes no such user: to it, as to libsasl, which asks
    in the name of nearly all clients, what follows the "@" is the realm.

    A refusal counts only while nobody writes: a writer moves users from page to page, and would hide them.
    """

    options_type: ClassVar[type] = SasldbOptions
    placement: ClassVar[Placement] = Placement.INLINE
    hashes_passwords: ClassVar[bool] = False

    def __init__(self, options: SasldbOptions) -> None:
        self._path = options.path
        self._realm = socket.gethostname() if options.realm is None else options.realm
        self._file: Database | None = None
        self._opened: Stamp | None = None

    def start(self) -> None:
        """Raises Unavailable where the file is not a database that can be read."""
        self.probe()

    def probe(self) -> None:
        """Look for nobody. Raises Unavailable where the file is not a database that can be read."""
        problem = self._look(user_key("", "")).problem
        if problem:
            raise Unavailable(problem)

    def check(self, request: Request) -> Verdict:
        try:
            user = user_key(request.login, request.realm or self._realm)
        except ValueError:
            return Verdict(Outcome.UNKNOWN_USER)
        earlier = None
        for _ in range(MAX_LOOKS):
            look = self._look(user)
            if look.password is not None and look.password.matches(request.password.reveal()):
                return Verdict(Outcome.ACCEPTED, user=name) if (name := self._name(request)) else _ACCEPTED
            if self._counts(look, earlier):
                return _refusal(look, self._name(request))
            earlier = look
        return Verdict(Outcome.UNAVAILABLE, look.problem or f"{self._path}: expected it at rest, got it being written")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._opened = None

    def generation(self) -> Hashable:
        """Give the file's stamp, another one from the moment when any further write would show in it."""
        now = stamp_or_none(self._path)
        return now, now is None or _is_settled(now)

    def _name(self, request: Request) -> str:
        """What tells the user from those of the same name in other realms; nothing in the realm that none means."""
        return f"{request.login}@{request.realm}" if request.realm not in ("", self._realm) else ""

    def _look(self, user: bytes) -> _Look:
        now = None
        try:
            now = stamp(self._path)
            return _Look(now, password_of(self._file_of(now), user))
        except Unavailable as error:
            return _Look(now, problem=str(error))
        except (DamagedError, OSError) as error:
            return _Look(now, problem=f"{self._path}: {getattr(error, 'strerror', error)}")

    def _counts(self, look: _Look, earlier: _Look | None) -> bool:
        if stamp_or_none(self._path) != look.stamp:
            return False
        return look.stamp is None or _is_settled(look.stamp) or (look == earlier and not look.problem)

    def _file_of(self, now: Stamp) -> Database:
        """Give the file, kept while its stamp is the same: it serves when the process can open nothing further."""
        if self._file is None or self._opened != now:
            self.close()
            self._file, self._opened = self._open()
        return self._file

    def _open(self) -> tuple[Database, Stamp | None]:
        """Give the file and its stamp, or None for one in which a further write would not show."""
        # Not blocking, since a named pipe would wait for a writer.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            check_not_open_to_all(self._path, status.st_mode)  # its group may write it: Debian's is root:sasl 0660
            file = _database(self._path, descriptor, status.st_size)
        except BaseException:
            os.close(descriptor)
            raise
        opened = stamp_of(status)
        return file, opened if _is_settled(opened) else None


def _refusal(look: _Look, name: str) -> Verdict:
    if look.problem:
        return Verdict(Outcome.UNAVAILABLE, look.problem)
    return Verdict(Outcome.WRONG_PASSWORD, user=name) if look.password else Verdict(Outcome.UNKNOWN_USER)


def _is_settled(written: Stamp) -> bool:
    return abs(time.time_ns() - written.mtime_ns) > _CLOCK_STEP


def _database(path: Path, descriptor: int, size: int) -> Database:
    match recognise(os.pread(descriptor, HEAD_BYTES, 0)):
        case Format.BERKELEY_HASH:
            return HashFile(descriptor, size)
        case Format.GDBM:
            return GdbmFile(descriptor)
        case Format.LMDB:
            return LmdbFile(descriptor)
        case found:
            raise Unavailable(f"{path}: expected a Berkeley DB hash, GDBM or LMDB file, got {found.value}")
