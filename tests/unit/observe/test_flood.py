import pytest

from authd.config.settings import LogSettings, ThrottleAnswer
from authd.decide.decision import Decision, NotAsked, answer_to
from authd.decide.sources import Sources
from authd.observe import flood as flood_module
from authd.observe.flood import Flood
from authd_backends import Client, Outcome, Request, Secret


def decision(
    user: str, address: str = "", outcome: Outcome | NotAsked = Outcome.WRONG_PASSWORD, *, again: bool = False
) -> Decision:
    request = Request(user, Secret(b"x"), client=Client(address, 25) if address else None)
    answer = answer_to(outcome, ThrottleAnswer.TEMPFAIL)
    return Decision(request, "saslauthd", outcome, answer, "", "", "", "", "", again, 0.0, 0.0)


@pytest.fixture
def flood() -> Flood:
    settings = LogSettings(max_others_per_second=0, max_per_source_per_minute=2)
    return Flood(settings, Sources(["127.0.0.0/8"]), lambda *_: None)


def told(flood: Flood, *decisions: Decision) -> list[bool]:
    return [flood.admits(each) for each in decisions]


def test_a_client_is_its_address_whomever_it_asks_for(flood: Flood) -> None:
    guesses = [decision(f"user{number}", "192.0.2.1") for number in range(3)]

    assert told(flood, *guesses, decision("user0", "192.0.2.2")) == [True, True, False, True]


def test_a_network_of_ipv6_is_one_client(flood: Flood) -> None:
    guesses = [decision("alice", f"2001:db8::{number:x}") for number in range(3)]

    assert told(flood, *guesses, decision("alice", "2001:db8:0:1::1")) == [True, True, False, True]


@pytest.mark.parametrize("address", ["", "127.0.0.1"])
def test_where_no_address_tells_clients_apart_it_is_the_user_in_any_spelling(flood: Flood, address: str) -> None:
    guesses = [decision(name, address) for name in ("alice", "ALICE", "\N{FULLWIDTH LATIN SMALL LETTER A}lice")]

    assert told(flood, *guesses, decision("bob", address)) == [True, True, False, True]


def test_one_wrong_password_again_and_again_hides_no_other(flood: Flood) -> None:
    """Or a guesser would first send one that fail2ban lets pass as a repetition, and then guess unseen."""
    repeated = [decision("alice", "192.0.2.1", again=True)] * 3

    assert told(flood, *repeated, decision("alice", "192.0.2.1")) == [True, True, False, True]


def test_acceptances_are_not_bounded_by_client(flood: Flood) -> None:
    assert all(told(flood, *[decision("alice", "192.0.2.1", Outcome.ACCEPTED)] * 100))


def test_the_memory_of_a_flood_is_bounded_and_beyond_it_new_ones_are_told(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood_module, "MAX_SOURCES", 10)
    names = [decision(f"user{number}") for number in range(20)]

    assert all(told(flood, *names, *names))
    assert told(flood, *names) == [False] * 10 + [True] * 10
    assert len(flood._told_of) == 10


def test_a_long_name_is_held_as_its_digest(flood: Flood) -> None:
    flood.admits(decision("x" * 8000))

    assert all(len(source) < 100 for source in flood._told_of)
