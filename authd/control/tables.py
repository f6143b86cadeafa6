"""Looks through tables that may be large, a slice at a time: clients are answered in between."""

import asyncio
from bisect import insort
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from authd.decide.cache import Cache
from authd.decide.digest import Identity
from authd.decide.distinct import DistinctCounter
from authd.decide.throttle import Throttle, name_of
from authd.unix import collector

T = TypeVar("T")

SLICE = 100  # entries in one go: names as long as they may be and not ASCII take 10 µs each


@dataclass(frozen=True, slots=True)
class Counts:
    """Names with their different wrong passwords within the window."""

    blocked: int  # how many have reached the limit
    highest: list[tuple[str, int]]  # the highest first


async def counts(counter: DistinctCounter, limit: int, most: int) -> Counts:
    """Give the `most` highest, and how many have reached `limit`, where 0 is none."""
    blocked, highest = 0, list[tuple[int, str]]()
    async for names in _slices(counter):
        found = [(-count, name) for name in names if (count := counter(name))]
        blocked += sum(-negative >= limit for negative, _ in found) if limit else 0
        for each in found:
            if len(highest) < most or (most and each < highest[-1]):
                insort(highest, each)
                del highest[most:]
    return Counts(blocked, [(name, -negative) for negative, name in highest])


async def flush(cache: Cache, user: str | None) -> int:
    """Forget the remembered passwords of a user, by the name, by name@realm in any spelling or by the
    canonical name, or of all.

    Gives how many accepted ones were forgotten.
    """
    meant = None if user is None else await _spelled(cache, name_of(user))
    accepted, refused = cache.flush(meant)
    forgotten = len(accepted)
    await _free(accepted, refused)
    return forgotten


async def clear(throttle: Throttle, name: str | None) -> int:
    """Begin anew for a user or an address, or for all; give how many were counted."""
    if name is not None:
        return throttle.forget(name)
    users, addresses = throttle.users.forget_all(), throttle.addresses.forget_all()
    cleared = len(users) + len(addresses)
    await _free(users, addresses)
    return cleared


async def _spelled(cache: Cache, wanted: str) -> list[Identity]:
    """Those who count as this name, by what they sent or by what a backend calls them."""
    meant = []
    async for identities in _slices(cache):
        for identity in identities:
            _, name, realm, _, _ = identity
            if wanted in (cache.name_of(identity), name_of(name), name_of(f"{name}@{realm}")):
                meant.append(identity)
    return meant


async def _free(*tables: OrderedDict[Any, Any]) -> None:
    for table in tables:
        while table:
            for _ in range(min(SLICE, len(table))):
                table.popitem()
            await asyncio.sleep(0)
    collector.set_aside_what_is_here()  # as they were: the tables that have taken their place


async def _slices(table: Iterable[T]) -> AsyncIterator[list[T]]:
    entries = list(table)
    for start in range(0, len(entries), SLICE):
        yield entries[start : start + SLICE]
        await asyncio.sleep(0)
