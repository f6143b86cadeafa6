"""The passwd-file backend on real files."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from authd_backends import conformance, files, hashes, passwd_file, passwd_lines
from authd_backends.contract import Backend, Outcome, Request, Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.passwd_file import PasswdFileBackend, PasswdFileOptions
from authd_backends.passwd_snapshot import FileChanged, PasswdSnapshot

CHEAP = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"  # of U*U
RIGHT = Secret(b"U*U")
WRONG = Secret(b"wrong")

Make = Callable[..., PasswdFileBackend]


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    files.replace(path, f"# users\nalice:{CHEAP}\nbob@example.org:{CHEAP}:1000:1000::/home/bob\n".encode())
    return path


@pytest.fixture
def make(users: Path) -> Iterator[Make]:
    made: list[PasswdFileBackend] = []

    def started(**options: object) -> PasswdFileBackend:
        made.append(PasswdFileBackend(PasswdFileOptions(path=users, **options)))  # type: ignore[arg-type]
        return made[-1]

    yield started
    for backend in made:
        backend.close()


class Installation:
    """A passwd-file with one user, kept as authd's own command keeps it."""

    login = "alice"
    realm = "example.org"
    password = b"correct horse battery"

    def __init__(self, directory: Path) -> None:
        self._path = directory / "users"
        files.replace(self._path, b"# users\nbob:!\n")
        self.set_password(self.password)

    def backend(self) -> PasswdFileBackend:
        return PasswdFileBackend(PasswdFileOptions(path=self._path))

    def set_password(self, password: bytes) -> None:
        with files.locked(self._path):
            lines = passwd_lines.without(passwd_lines.split(self._path.read_bytes()), self.login)
            row = passwd_lines.Row(self.login, hashes.new_hash(Secret(password), "yescrypt"))
            files.replace(self._path, passwd_lines.join(passwd_lines.with_row(lines, row)))

    def take_away(self) -> None:
        self._path.rename(self._path.with_name("away"))

    def bring_back(self) -> None:
        self._path.with_name("away").rename(self._path)


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, tmp_path: Path) -> None:
    case(Installation(tmp_path))


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms_without_an_index(case: conformance.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As between the change of a large file and the end of its indexing."""
    monkeypatch.setattr(passwd_file, "_SMALL", 0)
    monkeypatch.setattr(PasswdFileBackend, "_index_beside", lambda *_: None)

    case(Installation(tmp_path))


def test_it_is_a_backend(make: Make) -> None:
    assert isinstance(make(), Backend)


def test_the_row_with_the_realm_comes_before_the_row_for_any_realm(users: Path, make: Make) -> None:
    users.write_text(f"alice:{{PLAIN}}any\nalice@example.org:{CHEAP}\n")
    backend = make()

    assert backend.check(Request("alice", RIGHT, realm="example.org")).outcome is Outcome.ACCEPTED
    assert backend.check(Request("alice", Secret(b"any"), realm="example.org")).outcome is Outcome.WRONG_PASSWORD
    assert backend.check(Request("alice", Secret(b"any"), realm="example.net")).outcome is Outcome.ACCEPTED
    assert backend.check(Request("alice", Secret(b"any"))).outcome is Outcome.ACCEPTED


def test_the_login_that_a_route_made_is_looked_up(make: Make) -> None:
    backend = make()

    verdict = backend.check(Request("bob", RIGHT, login="bob@example.org"))

    assert (verdict.outcome, verdict.user) == (Outcome.ACCEPTED, "bob@example.org")
    assert backend.check(Request("bob", RIGHT, realm="example.net")).outcome is Outcome.UNKNOWN_USER


def test_names_are_bytes(users: Path, make: Make) -> None:
    users.write_bytes(b"# users\n\xff\xfe:{PLAIN}x\n")

    assert make().check(Request("\udcff\udcfe", Secret(b"x"))).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("stored", ["", "!", "*", f"!{CHEAP}"])
def test_a_locked_user_is_disabled_whatever_the_password(users: Path, make: Make, stored: str) -> None:
    users.write_text(f"alice:{stored}\n")

    for password in (RIGHT, WRONG, Secret(b"")):
        assert make().check(Request("alice", password)).outcome is Outcome.DISABLED


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("alice:{FROBNICATE}x", r"users: alice: hash: expected a scheme of .*, got \{FROBNICATE\}"),
        ("alice:U*U", r"users: alice: hash: expected \{SCHEME\}hash or a whole crypt"),
        ("alice:$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", "md5crypt is too weak: set weak_schemes = true"),
        (f"alice:{CHEAP[:-5]}", r"expected \{SCHEME\}hash or a whole crypt"),
        (f"alice:{CHEAP.replace('$05$', '$31$')}", "expected at most 2 s of work"),
        ("alice", "users: alice: expected name:hash, got no colon"),
    ],
)
def test_a_row_whose_hash_cannot_be_verified_is_an_outage_for_its_user_alone(
    users: Path, make: Make, row: str, reason: str
) -> None:
    users.write_text(f"{row}\nbob:{CHEAP}\n")
    backend = make()

    verdict = backend.check(Request("alice", RIGHT))

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert re.search(reason, verdict.reason)
    assert backend.check(Request("bob", RIGHT)).outcome is Outcome.ACCEPTED


def test_options_allow_weak_schemes_and_name_the_scheme_of_bare_values(users: Path, make: Make) -> None:
    users.write_text("alice:$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1\nbob:U*U\n")
    backend = make(weak_schemes=True, default_scheme="plain")

    assert backend.check(Request("alice", Secret(b"Hello world!"))).outcome is Outcome.ACCEPTED
    assert backend.check(Request("bob", RIGHT)).outcome is Outcome.ACCEPTED


def test_an_unknown_scheme_in_the_options_stops_the_start(users: Path) -> None:
    with pytest.raises(OptionError, match=r"scheme: expected yescrypt, .*, got 'rot13'"):
        PasswdFileOptions(path=users, scheme="rot13")
    with pytest.raises(OptionError, match=r"default_scheme: expected one of CRYPT, .*, got 'rot13'"):
        PasswdFileOptions(path=users, default_scheme="rot13")


def test_a_file_that_others_may_write_is_an_outage_until_that_is_mended(users: Path, make: Make) -> None:
    backend = make()
    assert backend.check(Request("alice", RIGHT)).outcome is Outcome.ACCEPTED
    users.chmod(0o666)

    verdict = backend.check(Request("alice", RIGHT))

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "only its owner may write, got mode 0666" in verdict.reason
    users.chmod(0o600)
    assert backend.check(Request("alice", RIGHT)).outcome is Outcome.ACCEPTED


def test_a_file_that_is_missing_at_the_start_does_not_stop_it(users: Path, make: Make) -> None:
    users.unlink()

    with pytest.raises(Unavailable, match="users: No such file"):
        make().start()


def test_broken_lines_are_logged_once_a_generation(users: Path, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    files.replace(users, f"broken\nalice:{CHEAP}\n".encode())
    backend = make()
    for _ in range(3):
        backend.check(Request("alice", WRONG))
    assert _warnings(caplog) == [f"{users}:1: expected name:hash, got no colon"]

    files.replace(users, f"alice:{CHEAP}\nbroken too\n".encode())
    for _ in range(3):
        backend.check(Request("alice", WRONG))

    assert _warnings(caplog)[1:] == [f"{users}:2: expected name:hash, got no colon"]


def test_a_password_changed_in_place_within_one_tick_of_the_clock_counts_at_once(users: Path, make: Make) -> None:
    """Same size, same mtime, same inode: nothing tells the change from what was read just before."""
    backend = make()
    for word in (b"one", b"two", b"six"):
        users.write_bytes(b"alice:{PLAIN}" + word + b"\n")
        assert backend.check(Request("alice", Secret(word))).outcome is Outcome.ACCEPTED


def test_a_large_file_is_indexed_beside_the_checks(users: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwd_file, "_SMALL", 10)
    backend = make()
    assert backend.check(Request("alice", RIGHT)).outcome is Outcome.ACCEPTED

    _indexed(backend)

    assert backend.check(Request("alice", RIGHT)).outcome is Outcome.ACCEPTED
    assert backend.check(Request("nobody", RIGHT)).outcome is Outcome.UNKNOWN_USER


def test_a_large_file_that_is_no_passwd_file_is_logged(
    users: Path, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(passwd_file, "_SMALL", 10)
    users.write_bytes(b"x" * 100_000)
    backend = make()

    verdict = backend.check(Request("alice", RIGHT))

    _indexed(backend)
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert any("not indexed" in text and "expected lines of less than" in text for text in _warnings(caplog))


def test_a_user_is_never_unknown_while_the_file_is_replaced_all_the_time(users: Path, make: Make) -> None:
    backend = make()
    content = users.read_bytes()
    stop = threading.Event()

    def writer() -> None:
        while not stop.is_set():
            files.replace(users, content)

    writing = threading.Thread(target=writer)
    writing.start()
    try:
        outcomes = {backend.check(Request("alice", RIGHT)).outcome for _ in range(200)}
    finally:
        stop.set()
        writing.join()

    assert outcomes == {Outcome.ACCEPTED}


def test_a_user_is_never_unknown_while_the_file_is_written_in_place_all_the_time(users: Path, make: Make) -> None:
    """Truncated, half there, whole: the answer may be an outage, but never a refusal."""
    content = users.read_bytes() + f"carl:{CHEAP}\n".encode() * 200
    users.write_bytes(content)
    backend = make()
    backend.check(Request("carl", RIGHT))
    stop = threading.Event()

    def writer() -> None:
        while not stop.is_set():
            with users.open("wb", buffering=0) as stream:
                for start in range(0, len(content), 1000):
                    stream.write(content[start : start + 1000])

    writing = threading.Thread(target=writer)
    writing.start()
    try:
        outcomes = {backend.check(Request("carl", RIGHT)).outcome for _ in range(200)}
    finally:
        stop.set()
        writing.join()

    assert outcomes <= {Outcome.ACCEPTED, Outcome.UNAVAILABLE}


def test_a_user_whose_row_is_not_written_yet_is_not_unknown_even_after_a_read_that_failed(
    users: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = make()
    backend.check(Request("alice", RIGHT))
    index = PasswdSnapshot.index
    users.write_bytes(b"# users\n")

    def fail_once(snapshot: PasswdSnapshot) -> None:
        monkeypatch.setattr(PasswdSnapshot, "index", index)
        raise FileChanged("written while it was read")

    monkeypatch.setattr(PasswdSnapshot, "index", fail_once)

    verdict = backend.check(Request("alice", RIGHT))

    assert (verdict.outcome, verdict.reason) == (Outcome.UNAVAILABLE, f"{users}: being written in place")


def test_a_backend_is_closed_while_its_index_is_under_way(
    users: Path, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    users.write_bytes(b"".join(b"user%d:*\n" % number for number in range(300_000)))
    backend = make()
    backend.start()

    backend.close()

    assert backend._indexing is not None
    assert not backend._indexing.is_alive()
    assert _warnings(caplog) == []


@pytest.mark.parametrize("other", ["nobody", "locked"])
def test_an_unknown_and_a_locked_user_take_as_long_as_a_known_one(users: Path, make: Make, other: str) -> None:
    files.replace(users, f"alice:{CHEAP}\nlocked:!{CHEAP}\n".encode())
    backend = make()
    of_known, of_other = [], []
    for _ in range(30):
        of_known.append(_seconds(backend, "alice"))
        of_other.append(_seconds(backend, other))

    assert 0.5 < median(of_other) / median(of_known) < 2


def _seconds(backend: PasswdFileBackend, login: str) -> float:
    started = time.thread_time()
    backend.check(Request(login, WRONG))
    return time.thread_time() - started


def _indexed(backend: PasswdFileBackend) -> None:
    assert backend._indexing is not None
    backend._indexing.join(10)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
