import pytest

from authd.decide.decision import NotAsked
from authd.decide.failure_delay import FailureDelay
from authd.protocols.errors import Answer
from authd_backends import Outcome


def delay(failure_delay: float = 2.0, chance: float = 0.0) -> FailureDelay:
    return FailureDelay(failure_delay, 8.0, lambda: chance)


@pytest.mark.parametrize("outcome", [Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER, Outcome.DISABLED, NotAsked.NO_ROUTE])
def test_every_refusal_is_held_back_by_the_larger_of_both(outcome: Outcome | NotAsked) -> None:
    assert delay().of(outcome, Answer.REFUSAL, 0.0) == 2.0
    assert delay().of(outcome, Answer.REFUSAL, 3.0) == 3.0


def test_chance_adds_a_tenth_at_most_and_no_refusal_comes_after_the_deadline() -> None:
    assert delay(chance=1.0).of(Outcome.WRONG_PASSWORD, Answer.REFUSAL, 0.0) == pytest.approx(2.2)
    assert delay().of(Outcome.WRONG_PASSWORD, Answer.REFUSAL, 3600.0) == 7.5


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Outcome.ACCEPTED, Answer.OK),
        (Outcome.UNAVAILABLE, Answer.TEMPORARY_FAILURE),
        (NotAsked.THROTTLED, Answer.TEMPORARY_FAILURE),
        (NotAsked.PROTOCOL_ERROR, Answer.REFUSAL),
    ],
)
def test_nothing_else_is(outcome: Outcome | NotAsked, answer: Answer) -> None:
    assert delay().of(outcome, answer, 5.0) == 0.0


def test_none_switches_both_off() -> None:
    assert delay(0.0).of(Outcome.WRONG_PASSWORD, Answer.REFUSAL, 5.0) == 0.0
