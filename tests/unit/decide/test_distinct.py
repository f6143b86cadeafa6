"""The table of what each name was seen with; who is blocked by it: test_throttle.py."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from authd.decide.distinct import DistinctCounter
from tests.unit.decide.pieces import Clock

MOST, WINDOW = 4, 10.0
digests = st.sampled_from([b"a" * 16, b"b" * 16, b"ab" * 8, b"ba" * 8, bytes(16), b"\xff" * 16])


def digest(password: int) -> bytes:
    return password.to_bytes(16, "little")


def test_distinct_wrong_passwords_are_counted_within_a_sliding_window() -> None:
    clock = Clock()
    counter = DistinctCounter(3, 3, 600.0, clock)

    counted = [counter.add("alice", digest(1)), counter.add("alice", digest(1)), counter.add("alice", digest(2))]

    assert counted == [True, False, True]
    assert counter("alice") == 2
    assert counter("bob") == 0
    clock.now += 600
    assert counter("alice") == 0
    assert counter.add("alice", digest(1)) is True


@given(st.lists(st.tuples(digests, st.sampled_from([0.0, 0.5, 3.0, 10.0]))))
def test_it_counts_as_a_dictionary_of_when_each_was_last_seen_would(guesses: list[tuple[bytes, float]]) -> None:
    clock, last_seen = Clock(), dict[bytes, float]()
    counter = DistinctCounter(MOST, MOST, WINDOW, clock)
    for guess, later in guesses:
        clock.now += later
        before = last_seen.pop(guess, None)
        if len(last_seen) >= MOST:
            del last_seen[next(iter(last_seen))]
        last_seen[guess] = clock.now

        assert counter.add("alice", guess) is (before is None or before <= clock.now - WINDOW)
        assert counter("alice") == sum(when > clock.now - WINDOW for when in last_seen.values())


def test_a_name_at_its_limit_takes_less_than_a_kilobyte() -> None:
    """Of such there may be 65,536 users and as many addresses."""
    counter = DistinctCounter(30, 30, 600.0, Clock())
    for password in range(1000):
        counter.add("192.0.2.1", digest(password))

    assert sys.getsizeof(counter._records["192.0.2.1"]) < 1000
