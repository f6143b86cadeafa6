"""The backend on files of its own."""

import hashlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import time_ns

import pytest

from authd_backends import Outcome, Request, Secret, Unavailable, conformance
from authd_backends.contract import AnyBackend
from authd_backends.sasldb.backend import SasldbBackend, SasldbOptions
from tests.unit.authd_backends.sasldb import databases, gdbm, lmdb_databases
from tests.unit.authd_backends.sasldb.databases import PAGE, user_key

REALM = "example.org"
Put = Callable[[Path, Mapping[bytes, bytes]], None]
PUTS: dict[str, Put] = {"berkeley": databases.put, "gdbm": gdbm.put, "lmdb": lmdb_databases.put}


class Installation:
    login = "alice"
    realm = REALM
    password = b"a good password"

    def __init__(self, folder: Path, put: Put) -> None:
        self._path = folder / "sasldb2"
        self._put = put
        self.set_password(self.password)

    def backend(self) -> AnyBackend:
        return SasldbBackend(SasldbOptions(path=self._path))

    def set_password(self, password: bytes) -> None:
        self._put(self._path, {user_key(self.login, self.realm): password})
        put_at_rest(self._path)

    def take_away(self) -> None:
        self._path.rename(self._path.with_suffix(".away"))

    def bring_back(self) -> None:
        self._path.with_suffix(".away").rename(self._path)


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS)
@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
def test_conforms(case: conformance.Case, put: Put, tmp_path: Path) -> None:
    case(Installation(tmp_path, put))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    users = {user_key(f"user{number}", REALM): b"secret%d" % number for number in range(300)}
    databases.put(tmp_path / "sasldb2", users)
    put_at_rest(tmp_path / "sasldb2")
    return tmp_path / "sasldb2"


@pytest.fixture
def backend(path: Path) -> Iterator[SasldbBackend]:
    backend = SasldbBackend(SasldbOptions(path=path))
    backend.start()
    yield backend
    backend.close()


def put_at_rest(path: Path) -> None:
    """Make the last write old enough that a further one would show."""
    os.utime(path, ns=(time_ns() - 10**9,) * 2)


def ask(backend: SasldbBackend, login: str, password: bytes, realm: str = REALM) -> Outcome:
    return backend.check(Request(login, Secret(password), realm)).outcome


def reason(backend: SasldbBackend) -> str:
    """Why it is out, for the right password."""
    verdict = backend.check(Request("user1", Secret(b"secret1"), REALM))
    assert verdict.outcome is Outcome.UNAVAILABLE
    return verdict.reason


# ── who is meant ──


def test_without_a_realm_the_user_is_one_of_this_host(path: Path, backend: SasldbBackend) -> None:
    databases.put(path, {user_key("bob", socket.gethostname()): b"secret"})

    assert ask(backend, "bob", b"secret", realm="") is Outcome.ACCEPTED
    assert ask(backend, "bob", b"secret", realm="elsewhere") is Outcome.UNKNOWN_USER


def test_another_realm_may_be_meant_by_none(path: Path) -> None:
    backend = SasldbBackend(SasldbOptions(path=path, realm=REALM))

    assert ask(backend, "user1", b"secret1", realm="") is Outcome.ACCEPTED
    backend.close()


def test_users_of_one_name_in_several_realms_are_told_apart(path: Path) -> None:
    """By the name that counts: guesses at one of them are to block no other."""
    databases.put(path, {user_key("user1", realm): b"secret1" for realm in ("example.net", "example.com")})
    backend = SasldbBackend(SasldbOptions(path=path, realm=REALM))

    def names(password: bytes) -> list[str]:
        realms = ("", REALM, "example.net", "example.com", "nowhere")
        return [backend.check(Request("user1", Secret(password), realm)).user for realm in realms]

    assert names(b"secret1") == names(b"wrong") == ["", "", "user1@example.net", "user1@example.com", ""]
    backend.close()


def test_a_login_with_an_at_is_looked_up_whole(path: Path, backend: SasldbBackend) -> None:
    """As by Cyrus's daemon, whose clients have split it before."""
    databases.put(path, {user_key("carol@home", socket.gethostname()): b"secret"})

    assert ask(backend, "user1@example.org", b"secret1", realm="") is Outcome.UNKNOWN_USER
    assert ask(backend, "carol@home", b"secret", realm="") is Outcome.ACCEPTED


def test_a_nul_does_not_lead_into_another_realm(backend: SasldbBackend) -> None:
    assert ask(backend, "user1\0example.org\0userPassword", b"secret1", realm="x") is Outcome.UNKNOWN_USER
    assert ask(backend, "user1", b"secret1", realm="example.org\0x") is Outcome.UNKNOWN_USER


def test_a_name_of_any_bytes_is_found(path: Path, backend: SasldbBackend) -> None:
    databases.put(path, {b"j\xfcrgen\0example.org\0userPassword": b"gr\xfc\xdfe"})

    assert ask(backend, "j\udcfcrgen", b"gr\xfc\xdfe") is Outcome.ACCEPTED


def test_a_name_that_no_bytes_make_is_unknown(backend: SasldbBackend) -> None:
    assert ask(backend, "\ud800", b"secret") is Outcome.UNKNOWN_USER


def test_a_user_without_a_plain_password_is_unknown(path: Path, backend: SasldbBackend) -> None:
    databases.put(path, {b"otto\0example.org\0cmusaslsecretOTP": b"secret", user_key("eve", REALM): b""})

    assert ask(backend, "otto", b"secret") is Outcome.UNKNOWN_USER
    assert ask(backend, "eve", b"") is Outcome.UNKNOWN_USER


@pytest.mark.parametrize("name", [b"PLAIN", b"cmusaslsecretPLAIN"])
def test_a_salted_password_of_sasl_v1_is_verified(path: Path, backend: SasldbBackend, name: bytes) -> None:
    """Whether it is v1's own file or was converted: lib/checkpw.c, 33 bytes."""
    salt = bytes(range(16))
    digest = hashlib.md5(salt + b"sasldb" + b"secret").digest()
    databases.put(path, {b"bob\0example.org\0" + name: salt + b"\0" + digest})

    assert ask(backend, "bob", b"secret") is Outcome.ACCEPTED
    assert ask(backend, "bob", b"wrong") is Outcome.WRONG_PASSWORD
    assert ask(backend, "bob", salt + b"\0" + digest) is Outcome.WRONG_PASSWORD


@pytest.mark.parametrize("salted", [b"x" * 32, b"x" * 33, b"x" * 34])
def test_a_salted_password_of_another_form_is_an_outage(path: Path, backend: SasldbBackend, salted: bytes) -> None:
    databases.put(path, {b"bob\0example.org\0PLAIN": salted})

    assert ask(backend, "bob", b"secret") is Outcome.UNAVAILABLE


def test_a_clear_password_counts_before_a_salted_one(path: Path, backend: SasldbBackend) -> None:
    databases.put(path, {b"user1\0example.org\0PLAIN": bytes(17) + hashlib.md5(bytes(16) + b"sasldbold").digest()})

    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED
    assert ask(backend, "user1", b"old") is Outcome.WRONG_PASSWORD


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS)
def test_a_file_of_each_format_takes_the_place_of_another(path: Path, backend: SasldbBackend, put: Put) -> None:
    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED
    put(path.with_suffix(".new"), {user_key("user1", REALM): b"other"})
    path.with_suffix(".new").rename(path)

    assert ask(backend, "user1", b"other") is Outcome.ACCEPTED
    assert ask(backend, "user1", b"secret1") is Outcome.WRONG_PASSWORD
    assert ask(backend, "user2", b"secret2") is Outcome.UNKNOWN_USER


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS)
def test_nobody_is_refused_while_others_are_written_in_any_format(tmp_path: Path, put: Put) -> None:
    path = tmp_path / "sasldb2"
    put(path, {user_key(f"user{number}", REALM): b"secret%d" % number for number in range(300)})
    backend = SasldbBackend(SasldbOptions(path=path))
    written = threading.Event()

    def write() -> None:
        for number in range(200):
            put(path, {user_key(f"new{number}", REALM): b"secret" * (number % 200)})
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not written.is_set():
        seen |= {ask(backend, f"user{number}", b"secret%d" % number) for number in range(0, 300, 7)}
    writer.join()
    backend.close()

    assert Outcome.ACCEPTED in seen
    assert seen <= {Outcome.ACCEPTED, Outcome.UNAVAILABLE}


# ── what is written while it runs ──


def test_every_write_is_seen_by_the_next_check(path: Path, backend: SasldbBackend) -> None:
    for number in range(50):
        databases.put(path, {user_key("bob", REALM): b"new%d" % number})
        assert ask(backend, "bob", b"new%d" % number) is Outcome.ACCEPTED
        databases.delete(path, [user_key("bob", REALM)])
        assert ask(backend, "bob", b"new%d" % number) is Outcome.UNKNOWN_USER


def test_a_file_put_in_its_place_is_seen_by_the_next_check(path: Path, backend: SasldbBackend) -> None:
    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED
    databases.put(path.with_suffix(".new"), {user_key("user1", REALM): b"other"})
    path.with_suffix(".new").rename(path)

    assert ask(backend, "user1", b"other") is Outcome.ACCEPTED
    assert ask(backend, "user2", b"secret2") is Outcome.UNKNOWN_USER


def test_a_file_that_never_rests_is_an_outage_and_not_a_refusal(
    path: Path, backend: SasldbBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the file finds it written since the last one."""
    stat, writes = os.stat, iter(range(1000))

    def stat_after_a_write(name: Path) -> os.stat_result:
        os.utime(name, ns=(0, next(writes)))
        return stat(name)

    monkeypatch.setattr(os, "stat", stat_after_a_write)
    verdicts = [backend.check(Request(login, Secret(b"wrong"), REALM)) for login in ("user1", "nobody")]

    assert [verdict.outcome for verdict in verdicts] == [Outcome.UNAVAILABLE] * 2
    assert verdicts[0].reason == f"{path}: expected it at rest, got it being written"
    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED


def test_the_generation_is_that_of_the_file(path: Path, backend: SasldbBackend) -> None:
    generations = [backend.generation()]
    databases.put(path, {user_key("bob", REALM): b"secret"})
    generations.append(backend.generation())
    path.rename(path.with_suffix(".away"))
    generations.append(backend.generation())

    assert len(set(generations)) == 3


def test_a_write_that_the_clock_cannot_tell_from_the_last_one_ends_what_was_remembered(
    path: Path, backend: SasldbBackend
) -> None:
    os.utime(path)
    just_written = backend.generation()
    put_at_rest(path)

    assert backend.generation() != just_written


# ── what is no database ──


def test_a_missing_file_stops_no_start_and_is_an_outage(tmp_path: Path) -> None:
    backend = SasldbBackend(SasldbOptions(path=tmp_path / "sasldb2"))

    with pytest.raises(Unavailable, match="sasldb2: No such file or directory"):
        backend.start()
    assert reason(backend) == f"{tmp_path}/sasldb2: No such file or directory"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected a Berkeley DB hash, GDBM or LMDB file, got an empty file"),
        (
            b"half of a restore" * 1000,
            "expected a Berkeley DB hash, GDBM or LMDB file, got a file of an unknown format",
        ),
        (bytes.fromhex("00061561") + bytes(4096), "got a Berkeley DB 1.x file (also that of an ndbm built on it)"),
        (bytes.fromhex("cf9a5713") + bytes(4096), "header: expected that of a GDBM file of a 64-bit machine"),
        (bytes(16) + bytes.fromhex("dec0efbe") + bytes(4096), "meta page 0: expected one of LMDB 0.9"),
    ],
)
def test_a_foreign_file_is_an_outage_that_names_it(
    path: Path, backend: SasldbBackend, content: bytes, expected: str
) -> None:
    path.write_bytes(content)
    put_at_rest(path)

    assert reason(backend).startswith(f"{path}: ")
    assert expected in reason(backend)


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_file_that_is_cut_off_is_an_outage(path: Path, backend: SasldbBackend, pages: int) -> None:
    os.truncate(path, pages * PAGE)
    put_at_rest(path)

    assert reason(backend).startswith(f"{path}: expected ")
    assert reason(backend).endswith(f" bytes, got {pages * PAGE}: it is cut off")


def test_what_is_cut_off_at_this_moment_is_an_outage_too(path: Path, backend: SasldbBackend) -> None:
    os.truncate(path, PAGE)

    assert "it is cut off" in reason(backend)


def test_a_file_that_others_may_write_decides_nothing(path: Path, backend: SasldbBackend) -> None:
    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED
    path.chmod(0o662)

    assert reason(backend) == f"{path}: expected a file that only its owner and group may write, got mode 0662"
    path.chmod(0o660)
    assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED


def test_a_named_pipe_does_not_make_it_wait(path: Path, backend: SasldbBackend) -> None:
    path.unlink()
    os.mkfifo(path)

    assert reason(backend) == f"{path}: expected a regular file, got something else"


def test_a_file_it_may_not_read_is_an_outage(path: Path, backend: SasldbBackend) -> None:
    """A folder stands for it, which nobody reads, not even root."""
    path.unlink()
    path.mkdir()

    assert reason(backend) == f"{path}: expected a regular file, got something else"


def test_it_serves_on_when_the_process_can_open_nothing_further(path: Path, backend: SasldbBackend) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open(path, os.O_RDONLY)
        assert ask(backend, "user1", b"secret1") is Outcome.ACCEPTED
        assert ask(backend, "user1", b"wrong") is Outcome.WRONG_PASSWORD
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_it_leaves_the_file_as_it_is(path: Path, backend: SasldbBackend) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    for login in ("user1", "nobody"):
        ask(backend, login, b"secret1")

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(path.parent.iterdir()) == [path]
