"""What stands in files and databases that hold users: each harness fails where its invariant does not hold."""

from collections.abc import Callable
from datetime import UTC, datetime

from authd_backends import BackendError, Secret, Unavailable, hashes
from authd_backends.hashes.schemes import read
from authd_backends.passwd_lines import Row, is_name, join, parse_line, row_of, split, with_row, with_stored, without
from authd_backends.passwd_snapshot import PasswdSnapshot
from authd_backends.sasldb.berkeley_hash import HashFile
from authd_backends.sasldb.database import DamagedError, Database
from authd_backends.sasldb.entries import password_of, user_key
from authd_backends.sasldb.formats import HEAD_BYTES, recognise
from authd_backends.sasldb.gdbm_file import GdbmFile
from authd_backends.sasldb.lmdb_file import LmdbFile
from authd_backends.sql.rows import Table, entries
from tests.fuzz.memory import named_file, open_file

_KEYS = tuple(user_key(user, "example.org") for user in ("alice", "bob", "nobody"))
_POLICIES = (
    hashes.Policy(),
    hashes.Policy(weak_schemes=True),
    hashes.Policy("PLAIN"),
    hashes.Policy("CRYPT", weak_schemes=True),
)
_DEAR = 0.01  # seconds: what costs more is not computed, or nothing else would be tried
_MARK = "correct-horse-battery"  # at the end of a stored password, to see where that goes
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def passwd_lines(data: bytes) -> None:
    """No line is lost, and a row that is changed, taken out or added is. The first line is the name."""
    name, _, content = data.partition(b"\n")
    login, lines = name.decode("utf-8", "surrogateescape"), split(content)
    assert join(lines) == content
    for line in lines:
        found = parse_line(line)
        assert found.raw == line
    if not is_name(login):
        return
    changed, left = with_stored(lines, login, "!"), without(lines, login)
    assert (changed == lines) if row_of(lines, login) is None else (row_of(changed, login) or Row("", "")).stored == "!"
    assert row_of(left, login) is None
    assert row_of(with_row(left, Row(login, "*")), login) == Row(login, "*")


def passwd_file(data: bytes) -> None:
    """The index finds the line that reading the file through finds, and doubts where that doubts."""
    name, _, content = data.partition(b"\n")
    with named_file(content) as path:
        try:
            snapshot = PasswdSnapshot(path)
        except Unavailable:
            return
        read_through = _found(snapshot, name)
        try:
            snapshot.index()
        except Unavailable:
            return
        assert _found(snapshot, name) == read_through


def _found(snapshot: PasswdSnapshot, name: bytes) -> bytes | str | None:
    try:
        return snapshot.find(name)
    except Unavailable:
        return "doubt"


def berkeley(data: bytes) -> None:
    """A password that is found stands in the file; all else is nobody, or damage that is told."""
    recognise(data[:HEAD_BYTES])
    _look_up(lambda descriptor: HashFile(descriptor, len(data)), data)


def gdbm(data: bytes) -> None:
    """As `berkeley`."""
    _look_up(GdbmFile, data)


def lmdb(data: bytes) -> None:
    """As `berkeley`."""
    _look_up(LmdbFile, data)


def _look_up(opened: Callable[[int], Database], data: bytes) -> None:
    with open_file(data) as descriptor:
        try:
            database = opened(descriptor)
        except DamagedError:
            return
        for key in _KEYS:
            try:
                password = password_of(database, key)
            except DamagedError:
                continue
            assert password is None or len(password.stored) > len(data) or _stands_in(data, password.stored)


def _stands_in(data: bytes, stored: bytes) -> bool:
    """A long one stands there in pieces, each on a page."""
    return stored in data or stored[:64] in data


def stored_password(data: bytes) -> None:
    """A hash matches, or not, as a locked one; or a text says why that cannot be told, which does not quote it."""
    policy = _POLICIES[data[0] % len(_POLICIES)] if data else _POLICIES[0]
    first, _, password = data[1:].partition(b"\n")
    stored = first.decode("utf-8", "surrogateescape")
    try:
        if read(stored, policy).cost.seconds < _DEAR:
            assert not (hashes.matches(stored, Secret(password), policy) and hashes.is_locked(stored))
    except BackendError:
        pass
    try:
        read(stored + _MARK, policy)
    except BackendError as error:
        assert _MARK not in str(error) or _MARK in stored


def sql_row(data: bytes) -> None:
    """A row is an entry, or a text says why it cannot be read, which does not quote the password."""
    password, active, expires, user = (data.split(b"\0") + [b""] * 4)[:4]
    texts = [each.decode("utf-8", "surrogateescape") for each in (active, expires, user)]
    try:
        entries(Table(("password", "active", "expires", "user"), [[password + _MARK.encode(), *texts]]), _NOW)
        entries(Table(("password", "active"), [[password, active]]), _NOW)
    except Unavailable as error:
        assert _MARK not in str(error) or _MARK.encode() in data
