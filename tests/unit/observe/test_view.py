"""From the pieces at work to the picture of them, and to the page."""

import asyncio
from http import HTTPStatus
from itertools import count
from pathlib import Path

import pytest

from authd.decide.cache import Lookup
from authd.decide.decision import NotAsked
from authd.observe.counters import LogCounters, ReloadCounters
from authd.observe.health import Health
from authd.observe.history import INTERVAL, History
from authd.observe.page import POLICY
from authd.observe.picture import Picture
from authd.observe.reading import reading
from authd.observe.sections import Sources
from authd.observe.view import OperatorPage, picture_of
from authd.server.pieces import Pieces
from authd_backends.contract import Outcome
from tests.unit.observe.observed import pieces_of


def sources_of(pieces: Pieces) -> Sources:
    health = Health(lambda: pieces)
    return Sources(lambda: pieces, health, ReloadCounters(loaded=0.0), LogCounters(), {"user": 3, "address": 2})


def busy(pieces: Pieces) -> None:
    """Ten seconds' work."""
    requests = pieces.counters.requests
    requests["saslauthd", "smtp", Outcome.ACCEPTED] += 50
    requests["pwcheck", "other", Outcome.ACCEPTED] += 10
    requests["saslauthd", "smtp", Outcome.EXPIRED] += 1
    requests["saslauthd", "imap", NotAsked.NO_ROUTE] += 2
    requests["saslauthd", "smtp", NotAsked.THROTTLED] += 30
    requests["saslauthd", "smtp", Outcome.UNAVAILABLE] += 20
    for _ in range(90):
        pieces.counters.durations["saslauthd"].add(0.0002)
    for _ in range(10):
        pieces.counters.durations["pwcheck"].add(2.0)
    pieces.steps.cache.lookups[Lookup.HIT] += 30
    pieces.steps.cache.lookups[Lookup.NEGATIVE_HIT] += 10
    pieces.steps.cache.lookups[Lookup.MISS] += 20
    backend = pieces.backends[0]
    backend.member.counters.answers[Outcome.ACCEPTED] += 40
    backend.member.counters.answers[Outcome.UNAVAILABLE] += 20
    for _ in range(4):
        backend.durations.add(0.5)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    async def taken() -> Picture:
        pieces = pieces_of(tmp_path)
        ticks = count()
        history = History(lambda: reading(pieces), lambda: next(ticks) * INTERVAL)
        history.look()
        busy(pieces)
        history.look()
        sources = sources_of(pieces)
        sources.health.down["b"] = "no such file"
        return picture_of(sources, history)

    return asyncio.run(taken())


def test_requests_are_told_by_what_their_clients_met(picture: Picture) -> None:
    traffic = picture.traffic

    assert traffic.accepted == [6.0]
    assert traffic.refused == pytest.approx([0.3])
    assert (traffic.throttled, traffic.unavailable) == ([3.0], [2.0])
    assert picture.requests["pwcheck"] == {"accepted": 10}
    assert picture.requests["saslauthd"]["expired"] == 1


def test_times_are_of_all_protocols_together(picture: Picture) -> None:
    (median,), (slowest,) = picture.traffic.median, picture.traffic.slowest

    assert median is not None
    assert slowest is not None
    assert 0.0001 < median < 0.00025
    assert 1.0 < slowest < 2.5


def test_backends_are_shown_with_their_state_and_their_work(picture: Picture) -> None:
    a, b = picture.backends

    assert (a.name, a.type, a.placement, a.problem) == ("a", "passwd-file", "thread", "")
    assert (a.answered, a.unavailable, a.took) == ([4.0], [2.0], [0.5])
    assert (a.running, a.queued, a.places) == (0, 0, 256)
    assert a.totals["accepted"] == 40
    assert (b.name, b.problem, b.took) == ("b", "no such file", [None])
    assert (b.slots, b.places) == (None, None)


def test_a_route_is_mute_when_none_of_its_backends_answers(picture: Picture) -> None:
    assert picture.mute_routes == ("one",)
    assert [(route.name, route.takes, route.backends) for route in picture.routes] == [
        ("both", {"services": ["xmpp"]}, ("a", "b")),
        ("one", {}, ("b",)),
    ]


def test_throttled_names_are_counted_and_the_cache_is_looked_at(picture: Picture) -> None:
    assert (picture.throttle.users, picture.throttle.addresses) == (3, 2)
    assert (picture.cache.found, picture.cache.missed) == ([4.0], [2.0])
    assert picture.connections["open"] == 0
    assert picture.helper_listens is None


def test_it_is_served_from_the_first_moment_on_under_its_own_policy(tmp_path: Path) -> None:
    async def asked() -> None:
        operator = OperatorPage(sources_of(pieces_of(tmp_path)))
        operator.start()
        reply = await operator.page({})
        operator.stop()

        assert reply.status is HTTPStatus.OK
        assert reply.content_type == "text/html; charset=utf-8"
        assert ("Content-Security-Policy", POLICY) in reply.headers
        assert reply.body.startswith(b"<!doctype html>\n<html lang=")

    asyncio.run(asked())


def test_every_outcome_is_shown(tmp_path: Path) -> None:
    async def shown() -> None:
        pieces = pieces_of(tmp_path)
        for outcome in (*Outcome, *NotAsked):
            pieces.counters.requests["saslauthd", "smtp", outcome] += 1
        numbers = reading(pieces)

        assert sum(numbers[kind] for kind in ("accepted", "refused", "throttled", "unavailable")) == len(
            (*Outcome, *NotAsked)
        )

    asyncio.run(shown())
