import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from authd.observe import health
from authd.observe.health import Health, alive
from authd.server.pieces import Pieces
from authd_backends import Outcome
from tests.unit.observe.observed import pieces_of


class Store:
    """What is probed."""

    problem = ""
    looks = 0

    async def probe(self) -> str:
        self.looks += 1
        return self.problem


def answer(pieces: Pieces, name: str, outcome: Outcome, *, is_overload: bool = False) -> None:
    (backend,) = [each for each in pieces.backends if each.settings.name == name]
    backend.member.counters.note(outcome)
    backend.member.counters.dropped += is_overload


def looked(
    directory: Path, live: Callable[[Pieces, Health, Store], Awaitable[None]], *, has_probe: bool = True
) -> None:
    """Let something happen to a health of two backends, of which `b` is the store, or has no probe."""
    store = Store()

    async def run() -> None:
        pieces = pieces_of(directory, a=Store().probe, b=store.probe if has_probe else None)
        await live(pieces, Health(lambda: pieces), store)

    asyncio.run(run())


def test_a_route_is_mute_while_no_backend_of_it_can_be_reached(tmp_path: Path) -> None:
    async def live(pieces: Pieces, health: Health, store: Store) -> None:
        store.problem = "no such file"
        await health.look()

        assert (health.down, health.unreachable) == ({"b": "no such file"}, {"b"})
        assert health.mute_routes() == {"one": ("b",)}
        assert await health.ready({}) == (503, "text/plain; charset=utf-8", b"route one: no backend answers: b\n", ())

        store.problem = ""
        await health.look()

        assert (health.down, health.unreachable, health.mute_routes()) == ({}, set(), {})
        assert (await health.ready({})).status == 200

    looked(tmp_path, live)


def test_who_has_answered_is_not_probed(tmp_path: Path) -> None:
    async def live(pieces: Pieces, health: Health, store: Store) -> None:
        store.problem = "unreachable"
        for outcome in (Outcome.WRONG_PASSWORD, Outcome.UNAVAILABLE):
            answer(pieces, "b", outcome)
        await health.look()

        assert (health.down, store.looks) == ({}, 0)

        await health.look()
        assert health.down == {"b": "unreachable"}

    looked(tmp_path, live)


def test_a_probe_outweighs_outages_that_may_be_one_user_s(tmp_path: Path) -> None:
    async def live(pieces: Pieces, health: Health, store: Store) -> None:
        answer(pieces, "b", Outcome.UNAVAILABLE)
        await health.look()

        assert health.down == {}

    looked(tmp_path, live)


def test_without_a_probe_nothing_but_outages_is_down_and_silence_is_up(tmp_path: Path) -> None:
    async def live(pieces: Pieces, health: Health, store: Store) -> None:
        answer(pieces, "b", Outcome.UNAVAILABLE)
        await health.look()
        assert health.down == {"b": "nothing but outages"}

        await health.look()
        assert health.down == {}

        answer(pieces, "b", Outcome.UNAVAILABLE, is_overload=True)
        await health.look()
        assert health.down == {}

    looked(tmp_path, live, has_probe=False)


def test_a_probe_that_hangs_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_DEADLINE", 0.01)

    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    async def live() -> None:
        pieces = pieces_of(tmp_path, a=hang, b=Store().probe)
        found = Health(lambda: pieces)
        await found.look()
        assert found.down == {"a": "no answer within 0.01 s"}

    asyncio.run(live())


def test_the_process_is_alive() -> None:
    assert asyncio.run(alive({})).status == 200
