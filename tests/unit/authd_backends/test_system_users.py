"""What counts of a system user, shown on root, whom every system has; his credential is the test's own."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from authd_backends import Outcome, Request, Secret, Unavailable, hashes, nss, system_users
from authd_backends.hashes.libcrypt import hashed
from authd_backends.system_users import Credential, SystemUserOptions, SystemUsers

ANYBODY = SystemUserOptions(min_uid=0)
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")
NO_HASH = "root: hash: expected a whole hash of {CRYPT}, got something else"
SLOW = hashed(b"secret", "$2b$09$abcdefghijklmnopqrstuu")  # 25 ms, not what new hashes cost


def users(credential: Credential | None, options: SystemUserOptions = ANYBODY) -> SystemUsers:
    def of(user: nss.Passwd) -> Credential:
        assert user.name == "root"
        if credential is None:
            raise Unavailable("/etc/shadow: gone")
        return credential

    return SystemUsers(options, of)


@pytest.mark.parametrize(
    ("credential", "password", "outcome", "reason"),
    [
        (Credential(HASH), b"secret", Outcome.ACCEPTED, ""),
        (Credential(HASH), b"guess", Outcome.WRONG_PASSWORD, ""),
        (Credential(HASH), b"", Outcome.WRONG_PASSWORD, ""),
        (Credential(HASH, "account expired"), b"secret", Outcome.EXPIRED, "account expired"),
        (Credential(HASH, "account expired"), b"guess", Outcome.WRONG_PASSWORD, ""),
        (Credential(""), b"", Outcome.DISABLED, "no password"),
        (Credential("!" + HASH), b"secret", Outcome.DISABLED, "locked"),
        (Credential("*"), b"*", Outcome.DISABLED, "locked"),
        (Credential("{PLAIN}secret"), b"secret", Outcome.UNAVAILABLE, NO_HASH),
        (None, b"secret", Outcome.UNAVAILABLE, "/etc/shadow: gone"),
    ],
)
def test_what_a_credential_means(credential: Credential | None, password: bytes, outcome: Outcome, reason: str) -> None:
    verdict = users(credential).check(Request("root", Secret(password)))

    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_below_min_uid_the_password_is_not_looked_at() -> None:
    """The answer to the right password and to a wrong one is the same: root's cannot be guessed here."""
    closed = users(None, SystemUserOptions())

    verdict = closed.check(Request("root", Secret(b"secret")))

    assert (verdict.outcome, verdict.reason) == (Outcome.DISABLED, "uid 0: expected at least 1000")


def test_root_is_not_kept_out_by_nologin_but_by_his_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shells = tmp_path / "shells"
    shells.write_text("# /bin/sh\n/bin/other")
    monkeypatch.setattr(system_users, "SHELLS", shells)
    monkeypatch.setattr(system_users, "NOLOGIN", (shells,))
    request = Request("root", Secret(b"secret"))

    passed = users(Credential(HASH), SystemUserOptions(min_uid=0, check_nologin=True)).check(request)
    stopped = users(Credential(HASH), SystemUserOptions(min_uid=0, check_shell=True)).check(request)

    assert (passed.outcome, stopped.outcome) == (Outcome.ACCEPTED, Outcome.DISABLED)
    assert stopped.reason.startswith(f"shell: expected one of {shells}, got ")


def test_shells_that_cannot_be_read_are_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_users, "SHELLS", tmp_path)  # a directory
    picky = users(Credential(HASH), SystemUserOptions(min_uid=0, check_shell=True))

    assert picky.check(Request("root", Secret(b"secret"))).outcome is Outcome.UNAVAILABLE


def test_the_generation_follows_what_the_options_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nsswitch.conf").write_text("passwd: files\n")
    monkeypatch.setattr(nss, "NSSWITCH", tmp_path / "nsswitch.conf")
    monkeypatch.setattr(system_users, "SHELLS", tmp_path / "shells")
    monkeypatch.setattr(system_users, "NOLOGIN", (tmp_path / "nologin",))
    plain = users(None)
    strict = users(None, SystemUserOptions(check_shell=True, check_nologin=True))

    def change(name: str) -> tuple[bool, bool]:
        before = plain.generation(nss.PASSWD), strict.generation(nss.PASSWD)
        (tmp_path / name).touch()
        return plain.generation(nss.PASSWD) != before[0], strict.generation(nss.PASSWD) != before[1]

    assert change("shells") == (False, True)
    assert change("nologin") == (False, True)


def test_starting_looks_at_the_files(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="missing"):
        users(None).start(nss.PASSWD, tmp_path / "missing")


@pytest.mark.parametrize(
    "salt",
    ["$y$j9T$F5Jx5fExrKuPp53xLKQ..1", "$2b$04$abcdefghijklmnopqrstuu", "$6$rounds=1000$saltsalt", "$1$saltsalt", "ab"],
)
def test_what_is_kept_of_a_hash_costs_the_same_and_is_no_hash_of_the_password(salt: str) -> None:
    stored = "{CRYPT}" + hashed(b"secret", salt)

    kept = system_users._without_digest(stored)

    assert hashes.kind(kept) == hashes.kind(stored)
    assert not hashes.matches(kept, Secret(b"secret"), hashes.Policy(weak_schemes=True))
    assert stored[-10:] not in kept


@pytest.mark.parametrize(
    ("login", "credential", "options"),
    [
        ("nobody-has-this-name", Credential(SLOW), ANYBODY),
        ("root", Credential("!" + SLOW), ANYBODY),
        ("root", Credential(""), ANYBODY),
        ("root", Credential(SLOW), SystemUserOptions()),
    ],
    ids=["unknown", "locked", "empty", "below min_uid"],
)
def test_who_cannot_come_in_costs_what_a_wrong_password_costs(
    login: str, credential: Credential, options: SystemUserOptions
) -> None:
    guess = Secret(b"guess")
    known = users(Credential(SLOW))
    other = users(credential, options)
    known.check(Request("root", guess))
    other._decoy = known._decoy

    usual = cpu_seconds(lambda: known.check(Request("root", guess)))
    spent = cpu_seconds(lambda: other.check(Request(login, guess)))

    assert usual / 2 < spent < usual * 2


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of three: processor time of this thread, so that what else runs does not count."""
    return min(_cpu_seconds(work) for _ in range(3))


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start
