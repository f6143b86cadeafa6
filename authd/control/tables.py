"""Looks through tables that may be large, a slice at a time: clients are answered in between."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeVar

from authd.decide.cache import Cache
from authd.decide.distinct import DistinctCounter
from authd.decide.throttle import name_of

T = TypeVar("T")

SLICE = 1000  # entries looked at in one go


@dataclass(frozen=True, slots=True)
class Counts:
    """Names with their different wrong passwords within the window."""

    blocked: int  # how many have reached the limit
    highest: list[tuple[str, int]]  # the highest first


async def counts(counter: DistinctCounter, limit: int, most: int) -> Counts:
    """Give the `most` highest, and how many have reached `limit`, where 0 is none."""
    blocked, highest = 0, list[tuple[str, int]]()
    async for names in _slices(counter):
        found = [(name, count) for name in names if (count := counter(name))]
        blocked += sum(count >= limit for _, count in found) if limit else 0
        highest = nsmallest(most, highest + found, key=lambda each: (-each[1], each[0]))
    return Counts(blocked, highest)


async def flush(cache: Cache, user: str | None) -> int:
    """Forget the remembered passwords of a user, by the name, by name@realm in any spelling or by the
    canonical name, or of all.

    Gives how many accepted ones were forgotten.
    """
    if user is None:
        return cache.flush()
    wanted = name_of(user)
    meant = set()
    async for entries in _slices(cache):
        for identity, accepted in entries:
            _, name, realm, _, _ = identity
            if wanted in (accepted.name, name_of(name), name_of(f"{name}@{realm}")):
                meant.add(identity)
    return cache.flush(meant)


async def _slices(table: Iterable[T]) -> AsyncIterator[list[T]]:
    entries = list(table)
    for start in range(0, len(entries), SLICE):
        yield entries[start : start + SLICE]
        await asyncio.sleep(0)
