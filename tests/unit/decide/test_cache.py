import gc
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from authd.config.settings import CacheSettings
from authd.decide.cache import Cache
from authd.decide.digest import Digester, Identity, identity
from authd_backends import Client, Outcome, Request, Secret
from tests.unit.decide.pieces import Clock, no_chance

ORIGIN = ("users", "passwd-file")
ROUTE = b"r" * 16
DIGESTER = Digester(b"k" * 32)


def who(user: str = "alice", realm: str = "", service: str = "smtp", route: bytes = ROUTE) -> Identity:
    return identity(route, Request(user, Secret(b""), realm, service), with_client=False)


def digest_of(password: str, identity_: Identity) -> bytes:
    return DIGESTER.digest(identity_, Request(identity_[1], Secret(password.encode())))


@dataclass
class Caching:
    """A cache, and passwords in place of digests."""

    settings: CacheSettings = field(default_factory=CacheSettings)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.cache = Cache(self.settings, self.clock, no_chance)

    def remember(
        self, password: str, outcome: Outcome, who_: Identity | None = None, generation: Hashable = None
    ) -> None:
        who_ = who_ or who()
        self.cache.remember(who_, digest_of(password, who_), outcome, generation, ORIGIN, "alice")

    def recall(self, password: str, who_: Identity | None = None, generation: Hashable = None) -> Outcome | None:
        who_ = who_ or who()
        known = self.cache.recall(who_, digest_of(password, who_), generation)
        return known.outcome if known else None

    def was_last(self, password: str) -> bool:
        return self.cache.was_last_accepted(who(), digest_of(password, who()))


def test_a_success_is_known_for_its_lifetime_and_then_only_remembered() -> None:
    caching = Caching()
    caching.remember("right", Outcome.ACCEPTED)
    assert caching.recall("right") is Outcome.ACCEPTED
    assert caching.recall("wrong") is None

    caching.clock.now += 300

    assert caching.recall("right") is None
    assert caching.was_last("right")
    assert not caching.was_last("wrong")


@pytest.mark.parametrize(("realm", "kept"), [("x" * 300, True), ("x" * 384, False)])
def test_names_longer_than_any_user_s_are_not_kept(realm: str, kept: bool) -> None:
    """Or one account would do, with ever other realms, to fill the memory: 32 kB each."""
    caching, long = Caching(), who(realm=realm)

    caching.remember("right", Outcome.ACCEPTED, long)

    assert caching.recall("right", long) is (Outcome.ACCEPTED if kept else None)
    assert len(caching.cache) == kept


@pytest.mark.parametrize("outcome", [Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER])
def test_a_refusal_is_known_a_little_while_and_only_for_that_very_password(outcome: Outcome) -> None:
    caching = Caching()
    caching.remember("wrong", outcome)
    assert caching.recall("wrong") is outcome
    assert caching.recall("right") is None

    caching.clock.now += 15

    assert caching.recall("wrong") is None


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.DISABLED, Outcome.EXPIRED])
def test_what_may_change_at_any_moment_is_never_stored(outcome: Outcome) -> None:
    caching = Caching()

    caching.remember("right", outcome)

    assert caching.recall("right") is None
    assert len(caching.cache) == 0


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Outcome.WRONG_PASSWORD, True),
        (Outcome.UNAVAILABLE, True),
        (Outcome.UNKNOWN_USER, False),
        (Outcome.DISABLED, False),
        (Outcome.EXPIRED, False),
    ],
)
def test_a_user_who_is_out_is_forgotten_and_a_guess_at_him_changes_nothing(outcome: Outcome, kept: bool) -> None:
    caching = Caching()
    caching.remember("right", Outcome.ACCEPTED)

    caching.remember("another", outcome)

    assert caching.recall("right") is (Outcome.ACCEPTED if kept else None)


def test_a_password_that_was_accepted_and_is_now_wrong_is_forgotten() -> None:
    caching = Caching()
    caching.remember("old", Outcome.ACCEPTED)
    caching.clock.now += 300

    caching.remember("old", Outcome.WRONG_PASSWORD)

    assert not caching.was_last("old")


def test_a_changed_password_works_at_once_and_the_old_one_goes_with_its_first_use() -> None:
    caching = Caching()
    caching.remember("old", Outcome.ACCEPTED)

    caching.remember("new", Outcome.ACCEPTED)

    assert caching.recall("new") is Outcome.ACCEPTED
    assert caching.recall("old") is None


def test_a_password_tried_before_it_was_set_works_after_the_little_while() -> None:
    caching = Caching()
    caching.remember("new", Outcome.WRONG_PASSWORD)
    caching.clock.now += 15

    assert caching.recall("new") is None
    caching.remember("new", Outcome.ACCEPTED)
    assert caching.recall("new") is Outcome.ACCEPTED


def test_nothing_is_known_of_another_generation_of_the_store() -> None:
    caching = Caching()
    caching.remember("right", Outcome.ACCEPTED, generation=1)
    caching.remember("wrong", Outcome.WRONG_PASSWORD, generation=1)

    assert caching.recall("right", generation=2) is None
    assert caching.recall("wrong", generation=2) is None
    assert caching.recall("right", generation=1) is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "another",
    [who("bob"), who(realm="example.org"), who(service="imap"), who(route=b"s" * 16)],
    ids=["user", "realm", "service", "route"],
)
def test_users_realms_services_and_routes_share_nothing(another: Identity) -> None:
    caching = Caching()
    caching.remember("right", Outcome.ACCEPTED)
    caching.remember("wrong", Outcome.WRONG_PASSWORD)

    assert caching.recall("right", another) is None
    assert caching.recall("wrong", another) is None


def test_fields_that_run_into_one_another_are_not_one() -> None:
    one, other = who("ab", "c"), who("a", "bc")

    assert digest_of("x", one) != digest_of("x", other)


def test_a_client_counts_where_it_may_decide() -> None:
    def of(address: str | None, *, with_client: bool) -> Identity:
        client = Client(address, 4711) if address else None
        return identity(ROUTE, Request("alice", Secret(b""), client=client), with_client=with_client)

    assert of("192.0.2.1", with_client=True) != of("192.0.2.2", with_client=True) != of(None, with_client=True)
    assert of("192.0.2.1", with_client=False) == of("192.0.2.2", with_client=False) == of(None, with_client=False)


def test_what_one_client_was_refused_is_not_another_s_where_it_may_decide() -> None:
    def of(address: str) -> Identity:
        return identity(ROUTE, Request("alice", Secret(b""), client=Client(address)), with_client=True)

    caching = Caching()

    caching.remember("right", Outcome.WRONG_PASSWORD, of("192.0.2.8"))

    assert caching.recall("right", of("192.0.2.8")) is Outcome.WRONG_PASSWORD
    assert caching.recall("right", of("192.0.2.7")) is None


def test_a_flood_of_refusals_pushes_out_nobody_who_came_in() -> None:
    caching = Caching(CacheSettings(max_entries=10))
    caching.remember("right", Outcome.ACCEPTED)

    for number in range(1000):
        caching.remember(str(number), Outcome.WRONG_PASSWORD)
        caching.remember("x", Outcome.UNKNOWN_USER, who(f"user{number}"))

    assert caching.recall("right") is Outcome.ACCEPTED
    assert len(caching.cache) == 11
    assert caching.cache.evictions == 1990


def test_the_longest_unused_goes_first() -> None:
    caching = Caching(CacheSettings(max_entries=2))
    for user in ("a", "b"):
        caching.remember("right", Outcome.ACCEPTED, who(user))
    caching.recall("right", who("a"))

    caching.remember("right", Outcome.ACCEPTED, who("c"))

    assert [caching.recall("right", who(user)) for user in "abc"] == [Outcome.ACCEPTED, None, Outcome.ACCEPTED]


def test_a_stale_password_is_known_for_as_long_as_was_set_beyond_its_lifetime() -> None:
    caching = Caching(CacheSettings(ttl=300.0, stale_ttl=100.0))
    caching.remember("right", Outcome.ACCEPTED)
    right, wrong = digest_of("right", who()), digest_of("wrong", who())

    caching.clock.now += 399
    assert caching.cache.recall_stale(who(), right) is not None
    assert caching.cache.recall_stale(who(), wrong) is None
    caching.clock.now += 1
    assert caching.cache.recall_stale(who(), right) is None


def test_nothing_is_rescued_where_that_was_not_asked_for() -> None:
    caching = Caching(CacheSettings(stale_ttl=0.0))
    caching.remember("right", Outcome.ACCEPTED)

    assert caching.cache.recall_stale(who(), digest_of("right", who())) is None


def test_a_flush_forgets_those_who_are_meant() -> None:
    caching = Caching()
    for user in ("alice", "bob"):
        caching.remember("right", Outcome.ACCEPTED, who(user))

    assert list(caching.cache.flush([who("alice"), who("carol")])[0]) == [who("alice")]
    assert [caching.recall("right", who(user)) for user in ("alice", "bob")] == [None, Outcome.ACCEPTED]
    assert list(caching.cache.flush()[0]) == [who("bob")]


def test_under_other_settings_what_is_remembered_still_holds_as_far_as_there_is_room() -> None:
    caching = Caching(CacheSettings(ttl=300.0))
    for user in ("a", "b", "c"):
        caching.remember("right", Outcome.ACCEPTED, who(user))

    caching.cache.adopt(CacheSettings(ttl=10.0, max_entries=2))
    caching.remember("right", Outcome.ACCEPTED, who("d"))
    caching.clock.now += 20

    assert [caching.recall("right", who(user)) for user in "abcd"] == [None, None, Outcome.ACCEPTED, None]
    assert caching.cache.evictions == 2


def test_lifetimes_end_at_different_times() -> None:
    chances = iter([0.0, 1.0])
    clock = Clock()
    cache = Cache(CacheSettings(ttl=100.0), clock, lambda: next(chances))
    for user in ("a", "b"):
        cache.remember(who(user), digest_of("x", who(user)), Outcome.ACCEPTED, None, ORIGIN, user)

    clock.now += 95

    known = [cache.recall(who(user), digest_of("x", who(user)), None) for user in ("a", "b")]
    assert [each is not None for each in known] == [True, False]


class CacheMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: no password is known that the store did not accept within its lifetime."""

    def __init__(self) -> None:
        super().__init__()
        self.caching = Caching(CacheSettings(ttl=50.0, negative_ttl=10.0, max_entries=3))
        self.set_at: dict[str, tuple[str, float]] = {}  # user: the password that the store accepted last, and when

    users = st.sampled_from("ab")
    passwords = st.sampled_from(["one", "two"])

    @rule(user=users, password=passwords)
    def the_store_accepts(self, user: str, password: str) -> None:
        self.caching.remember(password, Outcome.ACCEPTED, who(user))
        self.set_at[user] = password, self.caching.clock.now

    @rule(
        user=users,
        password=passwords,
        outcome=st.sampled_from([each for each in Outcome if each is not Outcome.ACCEPTED]),
    )
    def the_store_does_not(self, user: str, password: str, outcome: Outcome) -> None:
        self.caching.remember(password, outcome, who(user))

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.caching.clock.now += seconds

    @rule(user=users, password=passwords)
    def one_asks(self, user: str, password: str) -> None:
        known = self.caching.recall(password, who(user))
        if known is Outcome.ACCEPTED:
            accepted, when = self.set_at[user]
            assert accepted == password
            assert self.caching.clock.now < when + 50


TestCache = CacheMachine.TestCase
TestCache.settings = settings(max_examples=80, stateful_step_count=30)


def test_what_is_kept_is_passed_over_by_the_garbage_collector() -> None:
    class Stamp(NamedTuple):
        inode: int
        mtime_ns: int

    caching = Caching()
    for number in range(100):
        user = who(f"user{number}")
        caching.remember("right", Outcome.ACCEPTED, user, (Stamp(1, 2), "text"))
        caching.remember("wrong", Outcome.WRONG_PASSWORD, user, (Stamp(1, 2), "text"))

    for _ in range(3):  # as often as an object is looked at until it is old; a tuple goes after those in it
        gc.collect()

    kept = [*caching.cache._accepted.items(), *caching.cache._refused.items()]  # what else has it whole
    assert len(kept) == 200
    assert not [part for entry in kept for part in entry if gc.is_tracked(part)]
    assert caching.recall("right", who("user7"), (Stamp(1, 2), "text")) is Outcome.ACCEPTED
    assert caching.recall("right", who("user7"), (Stamp(1, 3), "text")) is None
