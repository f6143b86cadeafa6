import pytest

from authd.decide import names
from authd.decide.digest import Identity
from authd.decide.names import CanonicalNames


def who(user: str, realm: str = "", route: bytes = b"route") -> Identity:
    return route, user, realm, "smtp", None


def test_a_user_counts_as_what_the_spellings_of_his_login_share_until_a_backend_says_more() -> None:
    known = CanonicalNames()

    assert known.of(who("ALICE"), "ALICE") == "alice"
    assert known.learn(who("ALICE"), "alice", "") == "alice"
    assert known.learn(who("ALICE"), "alice", "Alice@Example.org") == "alice@example.org"
    assert known.of(who("ALICE"), "ALICE") == "alice@example.org"


def test_users_of_other_realms_and_routes_keep_their_names() -> None:
    known = CanonicalNames()

    known.learn(who("alice", "example.org"), "alice", "alice@example.org")

    assert known.of(who("alice", "example.net"), "alice") == "alice"
    assert known.of(who("alice", "example.org", b"other"), "alice") == "alice"
    assert known.of((b"route", "alice", "example.org", "imap", None), "alice") == "alice@example.org"


def test_names_longer_than_any_user_s_are_not_kept() -> None:
    """Or one login would do, with ever other realms, to fill the memory."""
    known = CanonicalNames()
    endless = who("Alice", "x" * 384)

    assert known.learn(endless, "alice", "alice@example.org") == "alice@example.org"
    assert known.of(endless, "Alice") == "alice"


def test_it_does_not_grow_and_the_longest_unused_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 3)
    known = CanonicalNames()

    for number in range(5):
        known.learn(who(f"alias{number}"), f"alias{number}", "alice")

    found = [known.of(who(f"alias{number}"), f"alias{number}") for number in range(5)]
    assert found == ["alias0", "alias1", "alice", "alice", "alice"]
