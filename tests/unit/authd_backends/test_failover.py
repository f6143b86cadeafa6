import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.failover import FIRST_PAUSE, LONGEST_PAUSE, Failover

SERVERS = ("first", "second", "third")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failover(clock: Clock) -> Failover[str]:
    return Failover(SERVERS, clock, lambda: 1.0)


def fail(failover: Failover[str], clock: Clock, *servers: str) -> None:
    for server in servers:
        failover.failed(server, clock.now)


def test_the_first_server_is_asked_while_it_lives(failover: Failover[str]) -> None:
    assert [failover.choose() for _ in range(3)] == ["first"] * 3


def test_what_was_tried_is_not_given_again(failover: Failover[str]) -> None:
    assert failover.choose({"first"}) == "second"
    assert failover.choose(SERVERS) is None


def test_a_dead_server_is_left_alone(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, "first")

    clock.pass_by(FIRST_PAUSE * 0.9)

    assert failover.is_dead("first")
    assert failover.choose() == "second"


def test_when_the_pause_is_over_one_probes_and_the_others_do_not(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, "first")

    clock.pass_by(FIRST_PAUSE)

    assert [failover.choose() for _ in range(3)] == ["first", "second", "second"]


def test_a_probe_that_answers_brings_the_first_server_back(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, "first")
    clock.pass_by(FIRST_PAUSE)
    assert failover.choose() == "first"

    failover.succeeded("first")

    assert not failover.is_dead("first")
    assert [failover.choose() for _ in range(2)] == ["first"] * 2


def test_all_dead_is_nobody_at_once_but_for_the_probe(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, *SERVERS)
    assert failover.choose() is None

    clock.pass_by(FIRST_PAUSE)

    assert [failover.choose() for _ in range(4)] == [*SERVERS, None]


def test_the_pauses_grow_up_to_the_longest(clock: Clock) -> None:
    failover = Failover(["only"], clock, lambda: 1.0, first_pause=1.0, longest_pause=5.0)
    failover.failed("only", clock.now)

    pauses = []
    for _ in range(5):
        began = clock.now
        while failover.choose() is None:
            clock.pass_by(0.25)
        pauses.append(clock.now - began)
        failover.failed("only", clock.now)

    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_many_failures_at_one_moment_are_one(failover: Failover[str], clock: Clock) -> None:
    """Else thirty logins that a stopped server broke off would make the first pause the longest."""
    fail(failover, clock, *["first"] * 30)

    clock.pass_by(FIRST_PAUSE)

    assert failover.choose() == "first"


def test_a_try_that_began_before_the_last_answer_says_nothing(failover: Failover[str], clock: Clock) -> None:
    """A server that answers others is slow for one, and one that was restarted broke off what came before."""
    began = clock.now
    clock.pass_by(1)
    failover.succeeded("first")
    clock.pass_by(1)

    failover.failed("first", began)

    assert not failover.is_dead("first")


def test_a_probe_that_never_tells_is_followed_by_another(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, "first")
    clock.pass_by(FIRST_PAUSE)
    assert failover.choose() == "first"

    clock.pass_by(LONGEST_PAUSE)

    assert failover.choose() == "first"


def test_a_failed_probe_is_followed_by_the_next_after_its_pause(failover: Failover[str], clock: Clock) -> None:
    fail(failover, clock, "first")
    clock.pass_by(FIRST_PAUSE)
    assert failover.choose() == "first"
    fail(failover, clock, "first")

    clock.pass_by(FIRST_PAUSE * 2)

    assert failover.choose() == "first"


@given(st.integers(), st.lists(st.tuples(st.sampled_from(SERVERS), st.booleans(), st.floats(0, 10)), max_size=50))
def test_a_server_that_is_back_is_found_within_the_longest_pause(
    seed: int, history: list[tuple[str, bool, float]]
) -> None:
    clock = Clock()
    failover = Failover(SERVERS, clock, random.Random(seed).random)
    for server, answered, pause in history:
        failover.choose()
        if answered:
            failover.succeeded(server)
        else:
            failover.failed(server, clock.now)
        clock.pass_by(pause)

    clock.pass_by(LONGEST_PAUSE)

    assert failover.choose() == "first"


@given(st.integers(), st.integers(1, 2000))
def test_the_pause_is_bounded_and_jittered_after_any_number_of_failures(seed: int, failures: int) -> None:
    clock = Clock()
    failover = Failover(["only"], clock, random.Random(seed).random)
    failover.failed("only", clock.now)
    for _ in range(failures):
        clock.pass_by(LONGEST_PAUSE)
        assert failover.choose() == "only"
        failover.failed("only", clock.now)

    clock.pass_by(FIRST_PAUSE / 2 * 0.99)
    assert failover.choose() is None
    clock.pass_by(LONGEST_PAUSE)
    assert failover.choose() == "only"
