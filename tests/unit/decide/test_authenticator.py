import asyncio

import pytest

from authd.config.settings import RouteSettings
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Arrival, Decision, NotAsked, answer_to
from authd.decide.route import route_of
from authd.protocols.errors import Answer
from authd_backends import Outcome, Request, Secret, Verdict


def arrival(realm: str = "example.org") -> Arrival:
    return Arrival(Request("alice", Secret(b"x"), realm=realm, service="smtp"), "/mux", "saslauthd", 10.0)


def authenticator(verdict: Verdict, told: list[Decision], route: RouteSettings) -> Authenticator:
    chain = Chain([Member("users", "passwd-file", lambda _: verdict)])
    return Authenticator([route_of(route, 1, chain)], [told.append], lambda: 12.5)


def test_a_decision_tells_who_what_how_long_and_from_where() -> None:
    told: list[Decision] = []
    route = RouteSettings(name="submission", backends=("users",), login="{user}@{realm}")
    steps = authenticator(Verdict(Outcome.WRONG_PASSWORD, "as it were"), told, route)

    decision = asyncio.run(steps.decide(arrival()))

    assert told == [decision]
    assert decision.request.login == "alice@example.org"
    assert (decision.outcome, decision.answer, decision.reason) == (
        Outcome.WRONG_PASSWORD,
        Answer.REFUSAL,
        "as it were",
    )
    assert (decision.backend, decision.mechanism, decision.route) == ("users", "passwd-file", "submission")
    assert decision.duration == 2.5


def test_a_request_that_no_route_takes_is_refused_without_asking_anybody() -> None:
    told: list[Decision] = []
    steps = authenticator(Verdict(Outcome.ACCEPTED), told, RouteSettings(backends=("users",), realms=("other",)))

    decision = asyncio.run(steps.decide(arrival()))

    assert (decision.outcome, decision.answer, decision.backend) == (NotAsked.NO_ROUTE, Answer.REFUSAL, "")


def test_a_route_that_makes_an_empty_login_asks_nobody() -> None:
    steps = authenticator(Verdict(Outcome.ACCEPTED), [], RouteSettings(backends=("users",), login="{realm}"))

    assert asyncio.run(steps.decide(arrival(realm=""))).outcome is NotAsked.NO_ROUTE


def test_what_is_given_up_is_a_temporary_failure_and_what_is_malformed_a_refusal() -> None:
    told: list[Decision] = []
    steps = authenticator(Verdict(Outcome.ACCEPTED), told, RouteSettings(backends=("users",)))

    given_up = steps.abandon(arrival(), "too late")
    malformed = steps.refuse_malformed("/mux", "pwcheck", 10.0, "login: expected a name")

    assert told == [given_up, malformed]
    assert (given_up.outcome, given_up.answer) == (Outcome.UNAVAILABLE, Answer.TEMPORARY_FAILURE)
    assert (malformed.outcome, malformed.answer) == (NotAsked.PROTOCOL_ERROR, Answer.REFUSAL)


def test_counters_count_each_decision_once() -> None:
    counters = Counters()
    told: list[Decision] = []
    steps = authenticator(Verdict(Outcome.UNKNOWN_USER), told, RouteSettings(backends=("users",)))
    for _ in range(3):
        counters.count(asyncio.run(steps.decide(arrival())))

    assert counters.requests == {("saslauthd", "unknown_user"): 3}


@pytest.mark.parametrize("outcome", [*Outcome, *NotAsked])
def test_only_a_backend_that_accepts_opens_and_only_an_outage_or_a_throttle_is_temporary(
    outcome: Outcome | NotAsked,
) -> None:
    temporary = outcome in (Outcome.UNAVAILABLE, NotAsked.THROTTLED)
    expected = Answer.OK if outcome is Outcome.ACCEPTED else Answer.REFUSAL

    assert answer_to(outcome) is (Answer.TEMPORARY_FAILURE if temporary else expected)
