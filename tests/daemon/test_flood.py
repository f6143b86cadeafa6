"""Guessers, by hundreds: they learn nothing, they wait, and whoever brings the right password passes them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from authd_backends import Secret, hashes
from bench.databases import write_sasldb
from bench.generator import REALM
from tests.daemon.crowd import Crowd, Guest
from tests.daemon.running import NO, OK, TEMPORARY, Authd, ask, replace, running, until

GUESSERS = 200
DEAR = hashes.new_hash(Secret(b"right"))  # a check takes tens of milliseconds
CHEAP = "{PLAIN}right"
AT_ONCE = 'failure_delay = "0s"'  # so that the order of the answers is that of the queue
USERS = ("alice", "bob", "carol", "dora")
REQUEST_DEADLINE = 8.0  # seconds

# smtp: users. imap: sasldb, which answers at once. pop: users, and behind them who they once were. sieve: no cache.
CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"
QUEUE

[backends.old]
type = "passwd-file"
path = "DIR/old"

[backends.sasldb]
type = "sasldb"
path = "DIR/sasldb2"

[[routes]]
services = ["imap"]
backends = ["sasldb"]

[[routes]]
services = ["pop"]
backends = ["users", "old"]

[[routes]]
services = ["sieve"]
backends = ["users"]
cache = false

[[routes]]
backends = ["users"]

[throttle]
"""

Start = Callable[..., AbstractContextManager[Authd]]


def write_users(directory: Path, stored: str, *names: str) -> None:
    replace(directory / "users", "".join(f"{name}:{stored}\n" for name in names))


@pytest.fixture
def start(tmp_path: Path) -> Start:
    write_users(tmp_path, DEAR, *USERS)
    (tmp_path / "old").write_text("mallory:{PLAIN}old\n")
    write_sasldb(tmp_path / "sasldb2", 10)

    @contextmanager
    def start(throttle: str = AT_ONCE, queue: str = "", cache: str = "") -> Iterator[Authd]:
        configuration = CONFIGURATION.replace("QUEUE", queue) + f"{throttle}\n[cache]\n{cache}\n"
        with running(tmp_path, configuration) as authd:
            yield authd

    return start


def guess(crowd: Crowd, *users: str, count: int = GUESSERS, service: str = "smtp", address: str = "") -> list[Guest]:
    """Ask with so many different wrong passwords for these users in turn."""
    return [
        crowd.ask(users[number % len(users)], f"guess{number}", service=service, address=address)
        for number in range(count)
    ]


def before(one: Guest, others: list[Guest]) -> float:
    """The share of the others who were answered later."""
    return sum(other.place > one.place for other in others) / len(others)


@pytest.mark.parametrize("service", ["smtp", "sieve"])
@pytest.mark.parametrize("targets", [("alice",), ("bob", "carol", "dora")])
def test_the_owner_passes_all_who_guess_at_him_or_at_others(
    start: Start, service: str, targets: tuple[str, ...]
) -> None:
    with start(f"{AT_ONCE}\nper_user = 0") as authd:
        assert ask(authd.socket, "alice", "right", service) == OK
        crowd = Crowd(authd.socket)
        guesses = guess(crowd, *targets, service=service)
        owner = crowd.ask("alice", "right", service=service)

        assert crowd.wait(owner) == [OK]
        assert set(crowd.wait(*guesses)) <= {NO, TEMPORARY}
        assert before(owner, guesses) > 0.5


def test_who_is_not_known_yet_waits_for_a_turn_of_each_user_and_not_for_each_guess(start: Start) -> None:
    with start(f"{AT_ONCE}\nper_user = 0") as authd:
        crowd = Crowd(authd.socket)
        guesses = guess(crowd, "bob", "carol", "dora")
        newcomer = crowd.ask("alice", "right")

        assert crowd.wait(newcomer) == [OK]
        crowd.wait(*guesses)
        assert before(newcomer, guesses) > 0.5


def test_whose_own_name_is_guessed_at_is_let_in_where_known_and_told_no_untruth_where_not(start: Start) -> None:
    with start() as authd:
        assert ask(authd.socket, "alice", "right", "sieve") == OK
        crowd = Crowd(authd.socket)
        guesses = guess(crowd, "alice", "bob", count=40, service="sieve")  # more may be turned away at once
        known, unknown = (crowd.ask(user, "right", service="sieve") for user in ("alice", "bob"))

        assert crowd.wait(known) == [OK]
        assert crowd.wait(unknown)[0] in (OK, TEMPORARY)
        assert set(crowd.wait(*guesses)) <= {NO, TEMPORARY}
        assert before(known, guesses) > 0.5


def test_guesses_are_held_back_and_the_owner_is_not(start: Start) -> None:
    with start('failure_delay = "1s"\nper_user = 0') as authd:
        crowd = Crowd(authd.socket)
        assert ask(authd.socket, "alice", "right") == OK
        guesses = guess(crowd, "alice", "bob", "nobody", count=30)
        owner = crowd.ask("alice", "right")

        assert crowd.wait(owner) == [OK]
        assert set(crowd.wait(*guesses)) == {NO}
        assert owner.place == 0
        assert min(guest.seconds for guest in guesses) >= 1.0
        assert max(guest.seconds for guest in guesses) < REQUEST_DEADLINE


def test_the_right_password_among_the_guesses_of_a_throttled_address_is_not_told(start: Start) -> None:
    with start(f"{AT_ONCE}\nper_user = 0\nper_address = 5") as authd:
        crowd = Crowd(authd.socket)
        crowd.wait(*guess(crowd, "bob", "carol", count=5, address="192.0.2.1"))

        flood = guess(crowd, *USERS, count=500, address="192.0.2.1")
        right = crowd.ask("alice", "right", address="192.0.2.1")
        elsewhere = crowd.ask("alice", "right", address="192.0.2.2")

        assert set(crowd.wait(right, *flood)) == {TEMPORARY}
        assert crowd.wait(elsewhere) == [OK]
        assert crowd.wait(crowd.ask("alice", "right", address="192.0.2.1")) == [TEMPORARY], "known, and not told either"


def test_who_came_in_from_a_throttled_address_before_still_does(start: Start) -> None:
    with start(f"{AT_ONCE}\nper_user = 0\nper_address = 5") as authd:
        crowd = Crowd(authd.socket)
        assert crowd.wait(crowd.ask("alice", "right", address="192.0.2.1")) == [OK]
        crowd.wait(*guess(crowd, "bob", "carol", count=5, address="192.0.2.1"))

        answers = crowd.wait(*(crowd.ask(user, "right", address="192.0.2.1") for user in ("alice", "bob")))

        assert answers == [OK, TEMPORARY]


def test_the_spellings_of_a_name_are_one_name(start: Start, tmp_path: Path) -> None:
    write_users(tmp_path, CHEAP, *USERS)
    with start(f"{AT_ONCE}\nper_user = 4") as authd:
        spellings = ("alice", "ALICE", "\N{FULLWIDTH LATIN SMALL LETTER A}lice", "\N{CIRCLED LATIN SMALL LETTER A}LicE")
        for number, spelling in enumerate(spellings):
            assert ask(authd.socket, spelling, f"guess{number}") == NO

        assert ask(authd.socket, "alice", "guess") == TEMPORARY
        assert ask(authd.socket, "AlicE", "guess") == TEMPORARY
        assert ask(authd.socket, "bob", "guess") == NO


def test_a_flood_that_fills_the_queue_does_not_lead_to_the_next_backend(start: Start, tmp_path: Path) -> None:
    """Mallory's password was changed where he belongs; the one he had still stands in the backend behind."""
    write_users(tmp_path, DEAR, *USERS, "mallory")
    with start(f"{AT_ONCE}\nper_user = 0", "max_queued = 8") as authd:
        crowd = Crowd(authd.socket)
        flood = guess(crowd, "mallory", service="pop")
        old = crowd.ask("mallory", "old", service="pop")

        assert TEMPORARY in crowd.wait(*flood), "the queue was full"
        assert crowd.wait(old)[0] in (NO, TEMPORARY)
        assert ask(authd.socket, "mallory", "old", "pop") == NO


def test_a_user_who_was_removed_while_the_backend_is_overloaded_does_not_come_in(start: Start, tmp_path: Path) -> None:
    with start(f"{AT_ONCE}\nper_user = 0", "max_queued = 8", 'stale_ttl = "1h"') as authd:
        assert ask(authd.socket, "alice", "right") == OK
        crowd = Crowd(authd.socket)
        flood = guess(crowd, "bob", "carol", "dora")
        assert crowd.wait(crowd.ask("alice", "right")) == [OK]

        write_users(tmp_path, DEAR, "bob", "carol", "dora")

        assert crowd.wait(crowd.ask("alice", "right"))[0] in (NO, TEMPORARY)
        crowd.wait(*flood)
        assert ask(authd.socket, "alice", "right") == NO


def test_a_spray_of_unknown_users_and_wrong_passwords_pushes_nobody_out(start: Start, tmp_path: Path) -> None:
    write_users(tmp_path, CHEAP, *USERS)
    with start(f"{AT_ONCE}\nper_user = 0", cache="max_entries = 4") as authd:
        for user in USERS:
            assert ask(authd.socket, user, "right") == OK
        crowd = Crowd(authd.socket)
        crowd.wait(*(crowd.ask(f"nobody{number}", "right") for number in range(100)), *guess(crowd, *USERS, count=100))

        for user in USERS:
            assert ask(authd.socket, user, "right") == OK
        until(lambda: authd.log.count("cache=hit") == len(USERS), "a hit for each of them in the log")


def test_who_is_answered_at_once_is_answered_at_once_beside_a_flood_of_hashing(start: Start) -> None:
    """The loop is not late: a hundred of these fit beside some of those."""
    with start(f"{AT_ONCE}\nper_user = 0") as authd:
        crowd = Crowd(authd.socket)
        flood = guess(crowd, "bob", "carol", "dora")
        began = time.monotonic()
        answers = [ask(authd.socket, "user1", "secret1", "imap", REALM) for _ in range(100)]
        taken = time.monotonic() - began

        crowd.wait(*flood)
        assert set(answers) == {OK}
        assert taken < max(guest.seconds for guest in flood) / 2


def test_every_guess_of_a_flood_is_answered_in_time(start: Start) -> None:
    with start('failure_delay = "2s"', "max_queued = 50") as authd:
        crowd = Crowd(authd.socket)
        flood = [guest for _ in range(3) for guest in guess(crowd, *USERS, "nobody")]

        assert set(crowd.wait(*flood)) <= {NO, TEMPORARY}
        assert max(guest.seconds for guest in flood) < REQUEST_DEADLINE
