import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from authd.config.settings import CacheSettings, ThrottleSettings
from authd.control import tables
from authd.control.tables import Counts
from authd.decide.cache import Cache
from authd.decide.digest import Identity
from authd.decide.distinct import DistinctCounter
from authd.decide.throttle import Throttle
from authd_backends import Client, Outcome
from tests.unit.decide.pieces import Clock, no_chance

MANY = 1000
LONGEST_SLICE = 200  # entries: of the longest names these take 4 ms
ORIGIN = ("users", "passwd-file")


def who(user: str, realm: str = "", service: str = "smtp") -> Identity:
    return b"route", user, realm, service, None


def cache_of(*identities: Identity) -> Cache:
    cache = Cache(CacheSettings(), Clock(), no_chance)
    for number, each in enumerate(identities):
        cache.remember(each, str(number).encode(), Outcome.ACCEPTED, None, ORIGIN, f"canonical of {each[1]}")
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

    assert {identity[1] for identity in cache} == left
    assert forgotten == 4 - len(left)


def test_a_user_of_a_realm_is_flushed_by_the_name_alone_and_by_both() -> None:
    for user in ("alice", "alice@example.org"):
        cache = cache_of(who("alice", "example.org"), who("alice", "example.net"))

        asyncio.run(tables.flush(cache, user))

        assert [identity[2] for identity in cache] == ([] if user == "alice" else ["example.net"])


def test_a_user_is_flushed_by_his_canonical_name() -> None:
    cache = cache_of(who("al"), who("bob"))

    assert asyncio.run(tables.flush(cache, "Canonical of AL")) == 1

    assert [identity[1] for identity in cache] == ["bob"]


def turns_of_others_during(work: Coroutine[Any, Any, object]) -> int:
    """How often another task has its turn, meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        beside = asyncio.create_task(others())
        await work
        beside.cancel()

    asyncio.run(both())
    return turns


@pytest.mark.parametrize("user", ["alice", None])
def test_a_large_cache_is_flushed_in_slices_between_which_clients_are_answered(user: str | None) -> None:
    cache = cache_of(*(who(f"user{number}") for number in range(MANY)), who("alice"))
    for number in range(MANY):
        cache.remember(who("bob"), b"wrong%d" % number, Outcome.WRONG_PASSWORD, None, ORIGIN, "bob")

    assert turns_of_others_during(tables.flush(cache, user)) >= 2 * MANY // LONGEST_SLICE

    assert len(cache) == (MANY if user else 0)


def test_a_large_throttle_is_listed_and_cleared_in_slices_between_which_clients_are_answered() -> None:
    throttle = Throttle(ThrottleSettings(), Clock())
    for number in range(MANY):
        throttle.note_refusal(f"user{number}", Client(f"198.18.{number // 256}.{number % 256}"), b"wrong")

    assert turns_of_others_during(tables.counts(throttle.users, 10, 1000)) >= MANY // LONGEST_SLICE
    assert turns_of_others_during(tables.clear(throttle, None)) >= 2 * MANY // LONGEST_SLICE

    assert (len(throttle.users), len(throttle.addresses)) == (0, 0)


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
