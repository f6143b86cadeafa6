"""``authd status``: the integers and lengths of all pieces, read when asked."""

import os
import time
from pathlib import Path
from typing import Any

from authd import __version__
from authd.control import tables
from authd.control.tables import Counts
from authd.server.pieces import BackendAtWork, Pieces
from authd_backends.contract import Placement

MAX_LISTED = 1000  # names in one answer
MOST_REFUSED = 10


async def status(pieces: Pieces) -> dict[str, Any]:
    """Give the state of the daemon as JSON has it."""
    throttle = pieces.steps.throttle
    users = await tables.counts(throttle.users, throttle.user_limit, MOST_REFUSED)
    addresses = await tables.counts(throttle.addresses, throttle.address_limit, 0)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "uptime": round(time.monotonic() - pieces.started, 3),
        "listeners": [str(each.path) for each in pieces.settings.listeners],
        "connections": _connections(pieces),
        "loop": {"longest_lag": pieces.lag.longest, "too_late": pieces.lag.too_late, "looks": pieces.lag.looks},
        "requests": _requests(pieces),
        "routes": [{"name": route.name, "backends": list(entry.backends)} for entry, route in pieces.routes],
        "backends": [_backend(each) for each in pieces.backends],
        "cache": _cache(pieces),
        "throttle": _throttle(pieces, users, addresses),
        "most_refused": dict(users.highest),
        "helper": _helper(pieces),
    }


async def throttled(pieces: Pieces) -> dict[str, Any]:
    """Give who is blocked, with the number of different wrong passwords; of very many the first."""
    throttle = pieces.steps.throttle
    users = await tables.counts(throttle.users, throttle.user_limit, MAX_LISTED)
    addresses = await tables.counts(throttle.addresses, throttle.address_limit, MAX_LISTED)
    return {
        "blocked_users": users.blocked,
        "blocked_addresses": addresses.blocked,
        "users": dict(users.highest[: users.blocked]),
        "addresses": dict(addresses.highest[: addresses.blocked]),
    }


def _connections(pieces: Pieces) -> dict[str, int]:
    counters = pieces.connections.counters
    return {
        "open": len(pieces.connections),
        "accepted": counters.accepted,
        "ended_early": counters.ended_early,
        "too_slow": counters.too_slow,
        "evicted": counters.evicted,
        "turned_away": counters.turned_away,
        "out_of_descriptors": counters.out_of_descriptors,
    }


def _requests(pieces: Pieces) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (protocol, outcome), count in sorted(pieces.counters.by_outcome().items()):
        found.setdefault(protocol, {})[outcome] = count
    return found


def _backend(backend: BackendAtWork) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": backend.settings.name,
        "type": backend.settings.type,
        "placement": backend.placement.value,
        "answers": {outcome.value: count for outcome, count in backend.member.counters.answers.items()},
    }
    if backend.queue is not None:
        shown |= {
            "running": backend.queue.running,
            "slots": backend.slots,
            "queued": backend.queue.queued,
            "places": backend.settings.max_queued,
            "last_duration": backend.queue.last_duration,
        }
    if backend.helper is not None:
        shown["worker_deaths"] = sum(backend.helper.counters.deaths.values())
    return shown


def _cache(pieces: Pieces) -> dict[str, Any]:
    cache = pieces.steps.cache
    return {
        "enabled": pieces.settings.cache.enabled,
        "entries": len(cache),
        "lookups": {lookup.value: count for lookup, count in cache.lookups.items()},
        "evictions": cache.evictions,
    }


def _throttle(pieces: Pieces, users: Counts, addresses: Counts) -> dict[str, Any]:
    return {
        "enabled": pieces.settings.throttle.enabled,
        "blocked_users": users.blocked,
        "blocked_addresses": addresses.blocked,
        "requests": dict(pieces.steps.throttle.throttled),
    }


def _helper(pieces: Pieces) -> dict[str, Any] | None:
    """None where no backend needs one."""
    helped = [each for each in pieces.backends if each.placement is Placement.HELPER]
    if not helped:
        return None
    paths = dict.fromkeys(each.settings.helper or pieces.settings.helper.path for each in helped)
    return {"path": ", ".join(map(str, paths)), "is_there": all(map(_is_socket, paths))}


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:  # it cannot be looked at
        return False
