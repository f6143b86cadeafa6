"""`shadow` and `getpwent` on a real /etc/shadow, held to what Debian's pam_unix says of the same users."""

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import TypeVar

import pytest

from authd_backends import Outcome
from authd_backends.hashes.libcrypt import hashed
from tests.servers import backend, pam_unix, system_users
from tests.servers.backend import Answer
from tests.servers.box import Box

PACKAGES = ("libnss-ldapd", "libnss-sss")
SHADOW, GETPWENT = "authd_backends.shadow:ShadowBackend", "authd_backends.getpwent:GetpwentBackend"
FILES_ALONE = "passwd: files\nshadow: files\ngroup: files\n"

HASHES = {
    scheme: hashed(b"secret", salt)
    for scheme, salt in {
        "yescrypt": "$y$j9T$F5Jx5fExrKuPp53xLKQ..1",
        "gost-yescrypt": "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1",
        "scrypt": "$7$CU..../....2Q9obwLhin8qvQl6sisAO/",
        "bcrypt": "$2b$04$abcdefghijklmnopqrstuu",
        "sha512crypt": "$6$rounds=1000$saltsalt",
        "sha256crypt": "$5$saltsalt",
        "md5crypt": "$1$saltsalt",
        "des": "ab",
    }.items()
}
HASH = HASHES["sha512crypt"]
WEAK = ("md5crypt", "des")
NEVER = "20000:0:99999:7:::"  # the aging that Debian's useradd gives
YESTERDAY = "20000:0:99999:7::20001:"

EXPIRY = {  # by the code of pam_acct_mgmt
    pam_unix.SUCCESS: (Outcome.ACCEPTED, {""}),
    pam_unix.ACCT_EXPIRED: (Outcome.EXPIRED, {"account expired"}),
    pam_unix.NEW_AUTHTOK_REQD: (Outcome.EXPIRED, {"password expired", "password must be changed (chage -d 0)"}),
    pam_unix.AUTHTOK_EXPIRED: (Outcome.EXPIRED, {"password expired and inactive"}),
}

T = TypeVar("T")


class Users:
    """The users of the box's /etc/passwd and /etc/shadow beside those of the system."""

    def __init__(self, box: Box) -> None:
        self._box = box
        box.write("/etc/nsswitch.conf", FILES_ALONE)
        box.add_user("reader", groups=["shadow"])
        box.add_user("outsider")
        self._passwd, self._shadow = box.read("/etc/passwd"), box.read("/etc/shadow")

    def set(self, shadow: Mapping[str, str], passwd: Mapping[str, str] | None = None) -> None:
        """Give name and rest of each row. Who is in `shadow` alone has an ordinary row in the other file."""
        ordinary = {name: f"x:{5000 + number}:5000::/:/bin/sh" for number, name in enumerate(shadow)}
        self._box.write("/etc/passwd", self._passwd + _lines(ordinary | dict(passwd or {})))
        self._box.write("/etc/shadow", self._shadow + _lines(shadow), mode=0o640, group="shadow")

    def ask(
        self,
        *logins: str,
        password: str = "secret",
        kind: str = SHADOW,
        user: str = "root",
        before: str = "",
        **options: object,
    ) -> list[Answer]:
        steps = [(login, password) for login in logins]
        return backend.ask(self._box, kind, steps, options, user=user, before=before)

    def ask_pam_unix(self, *logins: str, password: str = "secret") -> list[tuple[int, int]]:
        return pam_unix.ask(self._box, [(login, password) for login in logins])


@pytest.fixture(scope="module")
def users(box: Box) -> Users:
    return Users(box)


def _lines(rows: Mapping[str, str]) -> str:
    return "".join(f"{name}:{rest}\n" for name, rest in rows.items())


# ── what pam_unix says ──


def test_every_expiry_is_the_one_of_pam_unix(users: Users) -> None:
    def ask(today: int) -> tuple[list[str], list[tuple[int, int]], list[Answer]]:
        rows = {f"u{number}": f"{HASH}:{aging}" for number, aging in enumerate(_agings(today))}
        users.set(rows)
        return [*_agings(today)], users.ask_pam_unix(*rows), users.ask(*rows)

    agings, theirs, ours = _on_one_day(ask)

    pairs = zip(agings, theirs, ours, strict=True)
    assert [each for each in pairs if not _agree(*each[1:])] == []
    assert {code for _, code in theirs} == {*EXPIRY, pam_unix.AUTHINFO_UNAVAIL}  # the table has met them all


@pytest.mark.parametrize("password", ["secret", "guess", ""])
def test_every_stored_password_is_accepted_or_refused_as_by_pam_unix(users: Users, password: str) -> None:
    locked = {"locked": f"!{HASH}", "starred": f"*{HASH}", "never-set": "!", "none": "*", "empty": ""}
    in_passwd = {"own-hash": HASH, "own-lock": f"!{HASH}", "own-empty": "", "old-mark": "##old-mark", "nis": "*NP*"}
    users.set(
        {scheme: f"{stored}:{NEVER}" for scheme, stored in (HASHES | locked | {"old-mark": HASH}).items()},
        {name: f"{field}:6000:6000::/:/bin/sh" for name, field in {**in_passwd, "no-shadow-row": "x"}.items()},
    )
    logins = [*HASHES, *locked, *in_passwd, "no-shadow-row", "nobody-here", "+", "a" * 300]

    theirs = users.ask_pam_unix(*logins, password=password)
    ours = users.ask(*logins, password=password, weak_schemes=True)

    differences = [each for each in zip(logins, theirs, ours, strict=True) if not _agree(*each[1:])]
    assert [login for login, *_ in differences] == []


def _agree(theirs: tuple[int, int], ours: Answer) -> bool:
    match theirs:
        case (pam_unix.SUCCESS, code) if code in EXPIRY:
            outcome, reasons = EXPIRY[code]
            return ours.outcome is outcome and ours.reason in reasons
        case (pam_unix.AUTH_ERR, _):
            return ours.outcome in (Outcome.WRONG_PASSWORD, Outcome.DISABLED)
        case (pam_unix.AUTHINFO_UNAVAIL, _):
            return ours.outcome is Outcome.UNAVAILABLE
        case (pam_unix.USER_UNKNOWN, _):
            return ours.outcome is Outcome.UNKNOWN_USER
        case _:
            return False


def _on_one_day(ask: Callable[[int], T]) -> T:
    """Ask with the number of today, and once more if it is another one afterwards."""
    while True:
        today = int(time.time() // 86_400)
        answer = ask(today)
        if today == int(time.time() // 86_400):
            return answer


def _agings(today: int) -> Iterable[str]:
    """Ends of shadow rows, from the last change on: the days around each bound, and what nobody means to write."""
    changes = ("", "0", *(str(today + days) for days in (1, 0, -9, -10, -11, -12)))
    for change, maximum, inactive in product(changes, ("", "0", "10", "99999"), ("", "0", "1")):
        yield f"{change}:0:{maximum}:7:{inactive}::"
    for change, expire in product(("", "0", str(today - 11)), ("", "0", *(str(today + days) for days in (-1, 0, 1)))):
        yield f"{change}:0:10:7::{expire}:"
    for change, minimum, maximum, warning in product((str(today), str(today - 5)), ("", "6"), ("", "6"), ("", "9")):
        yield f"{change}:{minimum}:{maximum}:{warning}:::"
    for odd in ("-1", "-2", "-5", "+5", " 5", "5 ", "05", "0x5", "1.5", "abc", "9" * 30, *map(str, _AROUND_32_BITS)):
        yield f"{odd}:0:99999:7:::"
        yield f"{today - 11}:0:{odd}:7:::"
        yield f"{today + 1}:0:{odd}:7:::"
        yield f"{today - 11}:0:{odd}:7:12::"
        yield f"{today - 11}:0:10:7:{odd}::"
        yield f"{today}:0:99999:7::{odd}:"
    yield from ("", ":", ":::::", "::::::", ":::::::", "0", f"{today}:0:99999:7::", f"{today}:0:99999:7:::1", ":" * 12)


_AROUND_32_BITS = (2**31 - 1, 2**31, 2**32 - 5, 2**32 - 1, 2**32, 2**64 - 1)


# ── what pam_unix leaves open ──


def test_a_wrong_password_is_wrong_whatever_else_speaks_against_the_user(users: Users) -> None:
    """Or a guesser would learn which accounts have expired."""
    users.set({"alice": f"{HASH}:{YESTERDAY}"}, {"alice": "x:5000:5000::/:/bin/false"})

    [guessed] = users.ask("alice", password="guess", check_shell=True)
    [known] = users.ask("alice")

    assert (guessed.outcome, known.outcome) == (Outcome.WRONG_PASSWORD, Outcome.EXPIRED)


def test_weak_hashes_are_an_outage_unless_they_are_allowed(users: Users) -> None:
    users.set({scheme: f"{stored}:{NEVER}" for scheme, stored in HASHES.items()})

    answers = dict(zip(HASHES, users.ask(*HASHES), strict=True))

    assert {login for login, answer in answers.items() if answer.outcome is Outcome.UNAVAILABLE} == {*WEAK}
    assert "md5crypt: hash: md5crypt is too weak: set weak_schemes" in answers["md5crypt"].reason


@pytest.mark.parametrize("stored", [HASH[:-1], "{PLAIN}secret", "secret", "$y$j9T$", "$9$unknown$hash"])
def test_what_is_no_hash_is_an_outage(users: Users, stored: str) -> None:
    """A damaged hash says nothing of the password, and clear text is none: pam_unix refuses here."""
    users.set({"alice": f"{stored}:{NEVER}"})

    [answer] = users.ask("alice")

    assert answer.outcome is Outcome.UNAVAILABLE
    assert stored not in answer.reason


def test_a_user_below_min_uid_is_disabled_with_the_right_password_too(users: Users) -> None:
    users.set({"daemon-like": f"{HASH}:{NEVER}"}, {"daemon-like": "x:999:999::/:/bin/sh"})

    assert users.ask("daemon-like") == [(Outcome.DISABLED, "uid 999: expected at least 1000", "daemon-like")]
    assert users.ask("daemon-like", min_uid=999) == [(Outcome.ACCEPTED, "", "daemon-like")]


@pytest.mark.parametrize("path", ["/run/nologin", "/etc/nologin"])
def test_nologin_shuts_out_all_but_root(box: Box, users: Users, path: str) -> None:
    users.set(dict.fromkeys(("alice", "toor"), f"{HASH}:{NEVER}"), {"toor": "x:0:0::/:/bin/sh"})
    box.write(path, "")

    closed = users.ask("alice", "toor", check_nologin=True, min_uid=0)
    unasked = users.ask("alice")
    box.run(["rm", path])
    opened = users.ask("alice", check_nologin=True)

    assert [answer.outcome for answer in closed] == [Outcome.DISABLED, Outcome.ACCEPTED]
    assert [answer.outcome for answer in unasked + opened] == [Outcome.ACCEPTED, Outcome.ACCEPTED]


SHELLS = "# /no\n/bin/sh\n  /bin/bash  # the usual\nodd/bin/odd\n/bin/tab\t/bin/after\n\n#/no\n/bin/glued#x\n/bin/last"


@pytest.mark.parametrize("before", [f"printf '%s' '{SHELLS}' >/etc/shells", "rm /etc/shells"])
def test_valid_shells_are_those_of_getusershell(box: Box, users: Users, before: str) -> None:
    names = ("sh", "csh", "bash", "odd", "tab", "after", "glued", "glued#x", "last", "zsh")
    shells = {f"u{number}": f"/bin/{name}" for number, name in enumerate(names)} | {"empty": "", "no": "/no"}
    users.set(
        dict.fromkeys(shells, f"{HASH}:{NEVER}"),
        {name: f"x:5000:5000::/:{shell}" for name, shell in shells.items()},
    )
    kept = box.read("/etc/shells")
    box.run(["sh", "-c", before])

    valid = box.run(["python3", "-c", GETUSERSHELL]).stdout.split()
    answers = users.ask(*shells, check_shell=True)
    box.write("/etc/shells", kept)

    accepted = {login for login, answer in zip(shells, answers, strict=True) if answer.outcome is Outcome.ACCEPTED}
    assert accepted == {login for login, shell in shells.items() if (shell or "/bin/sh") in valid}
    assert {"u0", "empty"} <= accepted < shells.keys()


GETUSERSHELL = """
import ctypes
libc = ctypes.CDLL(None)
libc.getusershell.restype = ctypes.c_char_p
while shell := libc.getusershell():
    print(shell.decode())
"""


# ── who may read it, and what is out ──


def test_a_member_of_group_shadow_sees_what_root_sees(users: Users) -> None:
    users.set({"alice": f"{HASH}:{NEVER}", "bob": f"{HASH}:{YESTERDAY}", "carol": f"!{HASH}:{NEVER}"})
    logins = ("alice", "bob", "carol", "nobody-here")

    assert users.ask(*logins, user="reader") == users.ask(*logins)


@pytest.mark.parametrize("sources", ["files", "files systemd"])
def test_a_shadow_file_that_may_not_be_read_is_an_outage(box: Box, users: Users, sources: str) -> None:
    """Debian's libnss-systemd answers after it that there is no such user, which hides the error from getspnam."""
    users.set({"alice": f"{HASH}:{NEVER}"})
    box.write("/etc/nsswitch.conf", f"passwd: files\nshadow: {sources}\n")

    [answer] = users.ask("alice", user="outsider")
    box.write("/etc/nsswitch.conf", FILES_ALONE)

    assert answer.outcome is Outcome.UNAVAILABLE
    assert "Permission denied" in answer.reason


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("mount --bind /dev/null /etc/passwd", "/etc/passwd: expected users, got an empty file"),
        ("cp -a /etc /run/e; rm /run/e/passwd; mount --bind /run/e /etc", "getpwnam_r: No such file or directory"),
        ("cp /etc/passwd /run/p; chmod 600 /run/p; mount --bind /run/p /etc/passwd", "getpwnam_r: Permission denied"),
    ],
    ids=["empty", "missing", "closed"],
)
def test_without_a_passwd_file_nobody_is_unknown(users: Users, before: str, reason: str) -> None:
    users.set({})

    [answer] = users.ask("alice", user="reader" if "chmod" in before else "root", before=before)

    assert answer.outcome is Outcome.UNAVAILABLE
    assert reason in answer.reason


@pytest.mark.parametrize("source", ["ldap", "sss"])
def test_a_name_service_without_its_daemon_is_an_outage_for_all_but_local_users(
    box: Box, users: Users, source: str
) -> None:
    """libnss-ldapd and libnss-sss give ENOENT, which getpwnam(3) lists as "not found"."""
    users.set({"alice": f"{HASH}:{NEVER}"})
    box.write("/etc/nsswitch.conf", f"passwd: files {source}\nshadow: files {source}\n")

    known, unknown = users.ask("alice", "bob")
    box.write("/etc/nsswitch.conf", FILES_ALONE)

    assert (known.outcome, unknown.outcome) == (Outcome.ACCEPTED, Outcome.UNAVAILABLE)
    assert "a source of /etc/nsswitch.conf does not answer" in unknown.reason


def test_a_row_beyond_the_first_buffer_is_read_and_one_beyond_all_bounds_is_an_outage(users: Users) -> None:
    gecos = {"long": "g" * 300_000, "endless": "g" * 1_100_000}
    users.set(
        dict.fromkeys(gecos, f"{HASH}:{NEVER}"),
        {name: f"x:5000:5000:{text}:/:/bin/sh" for name, text in gecos.items()},
    )

    long, endless = users.ask("long", "endless")

    assert (long.outcome, endless.outcome) == (Outcome.ACCEPTED, Outcome.UNAVAILABLE)
    assert "getpwnam_r: expected a row of at most" in endless.reason


def test_a_change_counts_at_once(box: Box, users: Users) -> None:
    users.set({"alice": f"{HASH}:{NEVER}"})
    alice = ("alice", "secret")
    steps = (alice, "usermod -L alice", alice, "usermod -U alice", alice, "userdel alice", alice)

    answers = backend.ask(box, SHADOW, steps, {})

    assert [answer.outcome for answer in answers] == [
        Outcome.ACCEPTED,
        Outcome.DISABLED,
        Outcome.ACCEPTED,
        Outcome.UNKNOWN_USER,
    ]


@pytest.mark.parametrize("kind", [SHADOW, GETPWENT])
def test_conforms(box: Box, users: Users, kind: str) -> None:
    users.set({})

    assert system_users.failed_cases(box, kind) == {}


# ── getpwent ──


def test_getpwent_knows_the_passwd_row_alone(users: Users) -> None:
    fields = {"alice": HASH, "locked": f"!{HASH}", "empty": "", "star": "*", "shadowed": "x"}
    users.set(
        {"shadowed": f"{HASH}:{NEVER}", "alice": f"!:{YESTERDAY}"},
        {name: f"{field}:5000:5000::/:/bin/sh" for name, field in fields.items()},
    )

    answers = users.ask(*fields, "nobody-here", kind=GETPWENT, user="reader")
    [guess] = users.ask("alice", password="guess", kind=GETPWENT)

    disabled = [Outcome.DISABLED] * 3
    assert [answer.outcome for answer in answers] == [
        Outcome.ACCEPTED, *disabled, Outcome.UNAVAILABLE, Outcome.UNKNOWN_USER,
    ]  # fmt: skip
    assert guess.outcome is Outcome.WRONG_PASSWORD
