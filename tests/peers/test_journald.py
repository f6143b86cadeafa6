"""`target = "journal"`: systemd's own journald takes the entries, with what clients sent as fields."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.client import NO, OK, connect, counted, everything
from tests.servers.journald import Journald
from tests.servers.process import wait_until

PACKAGES = ("systemd",)
USERS = "/etc/authd/users"
CONFIGURATION = f"""
[[listeners]]
path = "{SOCKET}"

[backends.users]
type = "passwd-file"
path = "{USERS}"

[log]
target = "journal"
max_others_per_second = 50
max_per_source_per_minute = 0
"""
HOSTILE = [
    b"a\nPRIORITY=0\n_UID=0\nAUTHD_OUTCOME=accepted\nMESSAGE=forged",
    b"ev]il [service=x\x1b[2J\r\xff\xfe",
    "\N{GRINNING FACE}\u202e".encode(),
    b"x" * 4000 + b"\n" * 1000,
]


@pytest.fixture(scope="module")
def journald(box: Box) -> Iterator[Journald]:
    journald = Journald(box)
    journald.start()
    yield journald
    journald.stop()


@pytest.fixture
def authd(box: Box, journald: Journald) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    box.write(USERS, "alice:{PLAIN}right\n", mode=0o640, group="authd")
    before = len(journald.entries("authd"))
    authd.start(lambda: str([entry["MESSAGE"] for entry in journald.entries("authd")[before:]]))
    yield authd
    authd.stop()


@pytest.fixture(scope="module")
def path(box: Box) -> Path:
    return box.path(SOCKET)


def ask(path: Path, user: bytes, password: bytes, service: bytes = b"smtp", realm: bytes = b"") -> bytes:
    client = connect(path)
    client.sendall(counted(user, password, service, realm))
    return everything(client)


def decisions(journald: Journald, authd: Authd) -> list[dict[str, bytes]]:
    """Give those of this start."""
    started = [entry["SYSLOG_PID"] for entry in journald.entries("authd") if b"listening on" in entry["MESSAGE"]]
    return [
        entry for entry in journald.entries("authd") if entry["SYSLOG_PID"] == started[-1] and "AUTHD_EVENT" in entry
    ]


def test_an_entry_has_its_fields_and_its_priority(box: Box, path: Path, journald: Journald, authd: Authd) -> None:
    assert ask(path, b"alice", b"right") == OK
    box.run(["mv", USERS, f"{USERS}.away"])
    ask(path, b"alice", b"right2")
    wait_until(lambda: len(decisions(journald, authd)) == 2, "two entries")

    accepted, unavailable = decisions(journald, authd)
    assert accepted["MESSAGE"].startswith(b"event=auth outcome=accepted user=alice ")
    assert accepted["AUTHD_USER"] == b"alice"
    assert (accepted["AUTHD_OUTCOME"], accepted["PRIORITY"]) == (b"accepted", b"6")
    assert (unavailable["AUTHD_OUTCOME"], unavailable["PRIORITY"]) == (b"unavailable", b"4")
    assert (accepted["SYSLOG_FACILITY"], accepted["_TRANSPORT"]) == (b"4", b"journal")
    assert accepted["_PID"] == accepted["SYSLOG_PID"]


def test_what_a_client_sends_is_a_field_as_it_was_sent_and_no_other(
    path: Path, journald: Journald, authd: Authd
) -> None:
    for sent in HOSTILE:
        assert ask(path, sent, b"guess", sent[:1000], sent[:1000]) == NO
    wait_until(lambda: len(decisions(journald, authd)) == len(HOSTILE), "the entries")

    for sent, entry in zip(HOSTILE, decisions(journald, authd), strict=True):
        assert entry["AUTHD_USER"] == sent
        assert entry["AUTHD_REALM"] == entry["AUTHD_SERVICE"] == sent[:1000]
        assert (entry["PRIORITY"], entry["AUTHD_OUTCOME"]) == (b"6", b"unknown_user")
        assert entry["MESSAGE"].startswith(b"event=auth outcome=unknown_user user=")
        assert b"guess" not in b"".join(entry.values())
    assert all(entry["MESSAGE"].startswith(b"do_auth         : ") for entry in journald.entries("saslauthd"))


def test_while_it_is_stuck_every_login_is_answered_and_counted(path: Path, journald: Journald, authd: Authd) -> None:
    journald.process.send(SIGSTOP)
    try:
        for number in range(300):
            assert ask(path, b"guess%d" % number, b"guess") == NO
            assert ask(path, b"alice", b"right") == OK
    finally:
        journald.process.send(SIGCONT)
    authd.stop()

    def told() -> Counter[str]:
        counts: Counter[str] = Counter()
        for entry in decisions(journald, authd):
            if entry["AUTHD_EVENT"] == b"left_out":
                counts["unknown_user"] += int(entry["AUTHD_UNKNOWN_USER"])
            else:
                counts[entry["AUTHD_OUTCOME"].decode()] += 1
        return counts

    wait_until(lambda: told() == {"unknown_user": 300, "accepted": 300}, "every decision told or counted")


def test_a_journal_that_starts_again_goes_on(path: Path, journald: Journald, authd: Authd) -> None:
    journald.stop()
    assert ask(path, b"alice", b"right") == OK
    journald.start()

    wait_until(lambda: len(decisions(journald, authd)) == 1, "the entry of the time between")
    assert "standard error" not in authd.process.output
