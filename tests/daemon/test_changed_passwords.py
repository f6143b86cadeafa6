"""What is remembered of a login never outlives a change of the file, and never serves another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.running import NO, OK, Authd, ask, replace, running, until

CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"

[[routes]]
services = ["imap"]
backends = ["users"]

[[routes]]
login = "{user}@{realm}"
backends = ["users"]
"""


def write_users(directory: Path, **passwords: str) -> None:
    """Replace the file; ``alice_new`` is alice@new."""
    rows = (f"{name.replace('_', '@')}:{{PLAIN}}{password}\n" for name, password in passwords.items())
    replace(directory / "users", "".join(rows))


@pytest.fixture
def authd(tmp_path: Path) -> Iterator[Authd]:
    write_users(tmp_path, alice="first", bob="of bob")
    with running(tmp_path, CONFIGURATION) as authd:
        yield authd


def test_a_changed_password_works_at_once_and_the_old_one_stops_at_once(authd: Authd, tmp_path: Path) -> None:
    assert [ask(authd.socket, "alice", "first") for _ in range(2)] == [OK, OK]

    write_users(tmp_path, alice="second", bob="of bob")

    assert ask(authd.socket, "alice", "first") == NO
    assert ask(authd.socket, "alice", "second") == OK
    assert ask(authd.socket, "alice", "first") == NO
    assert ask(authd.socket, "alice", "second") == OK
    until(lambda: authd.log.count("cache=hit") == 2, "the first and the second password once each from the cache")


def test_a_password_tried_too_early_works_as_soon_as_it_is_set(authd: Authd, tmp_path: Path) -> None:
    assert [ask(authd.socket, "alice", "second") for _ in range(2)] == [NO, NO]

    write_users(tmp_path, alice="second", bob="of bob")

    assert ask(authd.socket, "alice", "second") == OK


def test_a_renamed_realm_takes_its_users_along(authd: Authd, tmp_path: Path) -> None:
    write_users(tmp_path, alice_old="first")
    assert [ask(authd.socket, "alice", "first", realm=realm) for realm in ("old", "new")] == [OK, NO]

    write_users(tmp_path, alice_new="first")

    assert [ask(authd.socket, "alice", "first", realm=realm) for realm in ("old", "new")] == [NO, OK]


def test_users_realms_and_services_share_no_answer(authd: Authd, tmp_path: Path) -> None:
    write_users(tmp_path, alice_one="of one", alice_two="of two", bob_one="of bob")
    assert ask(authd.socket, "alice", "of one", realm="one") == OK

    assert ask(authd.socket, "alice", "of one", realm="two") == NO
    assert ask(authd.socket, "bob", "of one", realm="one") == NO
    assert ask(authd.socket, "alice", "of one", "imap") == NO
    assert ask(authd.socket, "alic", "eof one", realm="one") == NO
    assert ask(authd.socket, "alice", "of two", realm="two") == OK


def test_a_user_who_was_removed_is_out_and_who_came_back_is_in(authd: Authd, tmp_path: Path) -> None:
    assert ask(authd.socket, "alice", "first") == OK

    write_users(tmp_path, bob="of bob")
    assert ask(authd.socket, "alice", "first") == NO

    write_users(tmp_path, alice="first", bob="of bob")
    assert ask(authd.socket, "alice", "first") == OK
