import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import Following
from authd.decide.chain import Chain, Member
from authd.decide.queue import NoAnswer, Overload, Urgency
from authd_backends import Outcome, Request, Secret, Verdict

REQUEST = Request("alice", Secret(b"a very secret word"))
MOST_TELLING = [Outcome.UNAVAILABLE, Outcome.DISABLED, Outcome.EXPIRED, Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER]

outcomes = st.lists(st.sampled_from(Outcome), min_size=1, max_size=5)


def members(answers: Sequence[Outcome], asked: list[int]) -> list[Member]:
    def member(number: int, outcome: Outcome) -> Member:
        def ask(_: Request, urgency: Urgency) -> Verdict:
            asked.append(number)
            return Verdict(outcome, str(number))

        return Member(f"backend{number}", "test", ask)

    return [member(number, outcome) for number, outcome in enumerate(answers)]


def ask(chain: Chain) -> tuple[Verdict, Member]:
    return asyncio.run(chain.ask(REQUEST, Urgency.ANYBODY))


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD, Outcome.DISABLED, Outcome.EXPIRED])
def test_a_backend_that_knows_the_user_ends_the_chain(outcome: Outcome) -> None:
    asked: list[int] = []

    verdict, member = ask(Chain(members([Outcome.UNKNOWN_USER, outcome, Outcome.ACCEPTED], asked)))

    assert verdict.outcome is outcome
    assert member.name == "backend1"
    assert asked == [0, 1]


def test_a_dead_backend_never_starves_the_next() -> None:
    verdict, member = ask(Chain(members([Outcome.UNAVAILABLE, Outcome.ACCEPTED], [])))

    assert (verdict.outcome, member.name) == (Outcome.ACCEPTED, "backend1")


def test_a_dead_backend_ends_the_chain_where_that_was_set() -> None:
    asked: list[int] = []
    chain = Chain(members([Outcome.UNAVAILABLE, Outcome.ACCEPTED], asked), on_unavailable=Following.STOP)

    assert ask(chain)[0].outcome is Outcome.UNAVAILABLE
    assert asked == [0]


def test_a_wrong_password_goes_on_where_that_was_set() -> None:
    chain = Chain(members([Outcome.WRONG_PASSWORD, Outcome.ACCEPTED], []), on_wrong_password=Following.CONTINUE)

    assert ask(chain)[0].outcome is Outcome.ACCEPTED


@given(outcomes, st.sampled_from(Following), st.sampled_from(Following))
def test_an_outage_is_never_a_refusal_and_any_acceptance_wins(
    answers: list[Outcome], on_wrong_password: Following, on_unavailable: Following
) -> None:
    asked: list[int] = []

    verdict, member = ask(Chain(members(answers, asked), on_wrong_password, on_unavailable))

    heard = [answers[number] for number in asked]
    expected = Outcome.ACCEPTED if Outcome.ACCEPTED in heard else min(heard, key=MOST_TELLING.index)
    assert verdict.outcome is expected
    assert member.name == f"backend{verdict.reason}"
    assert asked == list(range(len(asked)))


def test_what_a_backend_raises_is_an_outage_and_its_text_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request, urgency: Urgency) -> Verdict:
        raise ValueError(f"cannot parse {request.password.reveal()!r}")

    with caplog.at_level(logging.ERROR):
        verdict, _ = ask(Chain([Member("users", "test", broken)]))

    assert verdict == Verdict(Outcome.UNAVAILABLE, "defect: ValueError")
    assert "backend users: ValueError at " in caplog.text
    assert "test_chain.py:" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("fails", [False, True])
def test_a_backend_that_has_to_be_awaited_is_awaited(fails: bool) -> None:
    async def answer(_: Request, urgency: Urgency) -> Verdict:
        await asyncio.sleep(0)
        if fails:
            raise OSError
        return Verdict(Outcome.ACCEPTED)

    awaited: Callable[[Request, Urgency], Awaitable[Verdict]] = answer

    verdict, _ = ask(Chain([Member("users", "test", awaited)]))

    assert verdict.outcome is (Outcome.UNAVAILABLE if fails else Outcome.ACCEPTED)


def test_of_two_outages_that_of_a_store_that_may_be_alive_counts() -> None:
    """Or a flood that slows one store down would be taken for a store that cannot be reached."""
    out, late = Verdict(Outcome.UNAVAILABLE, "dead"), NoAnswer(Outcome.UNAVAILABLE, "no answer")
    chain = Chain([Member("users", "test", lambda *_: late), Member("ldap", "test", lambda *_: out)])

    assert ask(chain)[0] is late


@pytest.mark.parametrize(("outage", "asked"), [(NoAnswer, True), (Overload, False)])
def test_a_flood_does_not_choose_which_backend_decides_and_a_store_that_hangs_starves_none(
    outage: type[Verdict], asked: bool
) -> None:
    crowded, right = outage(Outcome.UNAVAILABLE, "no answer"), Verdict(Outcome.ACCEPTED)
    chain = Chain([Member("ldap", "test", lambda *_: crowded), Member("users", "test", lambda *_: right)])

    assert ask(chain)[0] is (right if asked else crowded)


def test_each_answer_of_each_backend_is_counted() -> None:
    of_chain = members([Outcome.UNKNOWN_USER, Outcome.ACCEPTED, Outcome.ACCEPTED], [])

    ask(Chain(of_chain))
    ask(Chain(of_chain))

    counted = [{outcome: count for outcome, count in member.counters.answers.items() if count} for member in of_chain]
    assert counted == [{Outcome.UNKNOWN_USER: 2}, {Outcome.ACCEPTED: 2}, {}]
