import asyncio

import pytest

from authd.config.settings import CacheSettings
from authd.control import tables
from authd.control.tables import Counts
from authd.decide.cache import Cache
from authd.decide.chain import Member
from authd.decide.digest import Identity
from authd.decide.distinct import DistinctCounter
from authd_backends import Outcome, Verdict
from tests.unit.decide.pieces import Clock, no_chance

MEMBER = Member("users", "test", lambda _request, _urgency: Verdict(Outcome.ACCEPTED))


def who(user: str, realm: str = "", service: str = "smtp") -> Identity:
    return b"route", user, realm, service, None


def cache_of(*identities: Identity) -> Cache:
    cache = Cache(CacheSettings(), Clock(), no_chance)
    for number, each in enumerate(identities):
        cache.remember(each, str(number).encode(), Outcome.ACCEPTED, None, MEMBER, f"canonical of {each[1]}")
    return cache


@pytest.mark.parametrize(
    ("user", "left"),
    [
        ("alice", {"bob", "alice@example.org"}),
        ("ALICE", {"bob", "alice@example.org"}),
        ("\uff21lice", {"bob", "alice@example.org"}),
        ("alice@example.org", {"alice", "Alice", "bob"}),
        ("Alice@Example.ORG", {"alice", "Alice", "bob"}),
        ("mallory", {"alice", "Alice", "bob", "alice@example.org"}),
        (None, set()),
    ],
)
def test_a_user_is_flushed_in_any_spelling_and_by_name_and_realm(user: str | None, left: set[str]) -> None:
    cache = cache_of(who("alice"), who("Alice", service="imap"), who("bob"), who("alice@example.org", ""))

    forgotten = asyncio.run(tables.flush(cache, user))

    assert {identity[1] for identity, _ in cache} == left
    assert forgotten == 4 - len(left)


def test_a_user_of_a_realm_is_flushed_by_the_name_alone_and_by_both() -> None:
    for user in ("alice", "alice@example.org"):
        cache = cache_of(who("alice", "example.org"), who("alice", "example.net"))

        asyncio.run(tables.flush(cache, user))

        assert [identity[2] for identity, _ in cache] == ([] if user == "alice" else ["example.net"])


def test_a_user_is_flushed_by_his_canonical_name() -> None:
    cache = cache_of(who("al"), who("bob"))

    assert asyncio.run(tables.flush(cache, "Canonical of AL")) == 1

    assert [identity[1] for identity, _ in cache] == ["bob"]


def test_a_large_table_is_looked_at_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SLICE", 2)
    cache = cache_of(*(who(f"user{number}") for number in range(5)), who("alice"))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> int:
        beside = asyncio.create_task(others())
        forgotten = await tables.flush(cache, "alice")
        beside.cancel()
        return forgotten

    assert asyncio.run(both()) == 1
    assert turns >= 3


def test_counts_come_the_highest_first_and_without_those_that_are_past() -> None:
    clock = Clock()
    counter = DistinctCounter(10, 10, 600.0, clock)
    counter.add("gone", b"1")
    clock.now += 600
    for name, passwords in {"few": 1, "many": 3, "also": 1}.items():
        for number in range(passwords):
            counter.add(name, bytes([number]))

    assert asyncio.run(tables.counts(counter, 2, 9)) == Counts(1, [("many", 3), ("also", 1), ("few", 1)])
    assert asyncio.run(tables.counts(counter, 1, 2)) == Counts(3, [("many", 3), ("also", 1)])
    assert asyncio.run(tables.counts(counter, 0, 0)) == Counts(0, [])
