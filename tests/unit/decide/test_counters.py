import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import RouteSettings
from authd.decide.counters import OTHER, SERVICE_CLASSES, BackendCounters, Counters
from authd.decide.decision import Decision, NotAsked
from authd.protocols.errors import Answer
from authd_backends import Outcome, Request, Secret

ROUTES = (
    RouteSettings(backends=("users",), services=("XMPP", "*.example.org", "*")),
    RouteSettings(backends=("users",)),
)


def decision(service: str, outcome: Outcome | NotAsked = Outcome.ACCEPTED, duration: float = 0.0) -> Decision:
    request = Request("alice", Secret(b"right"), service=service)
    return Decision(request, "saslauthd", outcome, Answer.OK, "", "", "", "", "", False, duration, 0.0)


@pytest.mark.parametrize(
    ("service", "class_"),
    [
        ("smtp", "smtp"),
        ("SMTP", "smtp"),
        ("xmpp", "xmpp"),
        ("Xmpp", "xmpp"),
        ("mail.example.org", OTHER),
        ("*", OTHER),
        ("", OTHER),
        ("smtp\n", OTHER),
    ],
)
def test_a_service_counts_under_what_is_known_or_named(service: str, class_: str) -> None:
    counters = Counters(ROUTES)

    counters.count(decision(service))

    assert +counters.requests == {("saslauthd", class_, Outcome.ACCEPTED): 1}


@given(st.lists(st.text()))
def test_no_client_makes_the_table_grow(services: list[str]) -> None:
    counters = Counters(ROUTES)
    before = set(counters.requests)

    for service in services:
        counters.count(decision(service))

    assert set(counters.requests) == before
    assert counters.requests.total() == len(services)
    assert {class_ for _, class_, _ in before} == {*SERVICE_CLASSES, "xmpp", OTHER}


def test_a_decision_is_counted_with_how_long_it_took() -> None:
    counters = Counters()

    counters.count(decision("smtp", NotAsked.THROTTLED, duration=0.3))
    counters.count(decision("imap", NotAsked.THROTTLED, duration=0.2))

    assert counters.by_outcome() == {("saslauthd", "throttled"): 2}
    assert counters.durations["saslauthd"].total == pytest.approx(0.5)
    assert sum(counters.durations["pwcheck"].counts) == 0


def test_an_outage_is_no_success() -> None:
    now = iter([100.0, 200.0])
    counters = BackendCounters(lambda: next(now))

    for outcome in (Outcome.UNAVAILABLE, Outcome.WRONG_PASSWORD, Outcome.UNAVAILABLE):
        counters.note(outcome)

    assert counters.answers[Outcome.UNAVAILABLE] == 2
    assert counters.answers[Outcome.WRONG_PASSWORD] == 1
    assert counters.last_answered == 100.0
