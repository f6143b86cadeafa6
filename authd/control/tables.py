"""Looks through tables that may be large, a slice at a time: clients are answered in between."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from authd.decide.cache import Cache
from authd.decide.throttle import DistinctCounter, name_of

T = TypeVar("T")

SLICE = 2000  # entries looked at in one go: 1 to 2 ms


async def counts(counter: DistinctCounter) -> list[tuple[str, int]]:
    """The names with their counts within the window, the highest first."""
    found: list[tuple[str, int]] = []
    await _look_through(counter, lambda name: found.append((name, counter(name))))
    return sorted(((name, count) for name, count in found if count), key=lambda each: (-each[1], each[0]))


async def flush(cache: Cache, user: str | None) -> int:
    """Forget the remembered passwords of a user, by the name or by name@realm in any spelling, or of all.

    Gives how many accepted ones were forgotten.
    """
    if user is None:
        return cache.flush()
    wanted = name_of(user)
    meant = set()

    def look(identity: tuple[bytes, str, str, str, object]) -> None:
        _, name, realm, _, _ = identity
        if wanted in (name_of(name), name_of(f"{name}@{realm}")):
            meant.add(identity)

    await _look_through(cache, look)
    return cache.flush(meant.__contains__)


async def _look_through(table: Iterable[T], look: Callable[[T], object]) -> None:
    entries = list(table)
    for start in range(0, len(entries), SLICE):
        for entry in entries[start : start + SLICE]:
            look(entry)
        await asyncio.sleep(0)
