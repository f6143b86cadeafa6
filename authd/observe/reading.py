"""The numbers whose last minutes the operator's page shows."""

from collections import Counter

from authd.decide.cache import Lookup
from authd.decide.decision import NotAsked
from authd.decide.histogram import BOUNDS
from authd.server.pieces import Pieces
from authd_backends.contract import Outcome

BUCKETS = [f"took {number}" for number in range(len(BOUNDS) + 1)]
FOUND = (Lookup.HIT, Lookup.NEGATIVE_HIT, Lookup.STALE_USED)


def reading(pieces: Pieces) -> dict[str, float]:
    """Give the numbers whose last minutes are shown, by name."""
    numbers: Counter[str] = Counter()
    for (_, _, outcome), count in pieces.counters.requests.items():
        numbers[_kind(outcome)] += count
    for histogram in pieces.counters.durations.values():
        for bucket, count in zip(BUCKETS, histogram.counts, strict=True):
            numbers[bucket] += count
    for lookup, count in pieces.steps.cache.lookups.items():
        numbers["found" if lookup in FOUND else "missed"] += count
    found: dict[str, float] = dict(numbers)
    found["waiting"] = sum(each.queue.queued for each in pieces.backends if each.queue is not None)
    for each in pieces.backends:
        name, answers = each.settings.name, each.member.counters.answers
        unavailable = answers[Outcome.UNAVAILABLE]
        found[f"{name} answered"] = sum(answers.values()) - unavailable
        found[f"{name} unavailable"] = unavailable
        found[f"{name} checks"] = sum(each.durations.counts)
        found[f"{name} seconds"] = each.durations.total
    return found


def _kind(outcome: Outcome | NotAsked) -> str:
    match outcome:
        case Outcome.ACCEPTED:
            return "accepted"
        case Outcome.UNAVAILABLE:
            return "unavailable"
        case NotAsked.THROTTLED:
            return "throttled"
        case Outcome.WRONG_PASSWORD | Outcome.UNKNOWN_USER | Outcome.DISABLED | Outcome.EXPIRED:
            return "refused"
        case NotAsked.NO_ROUTE | NotAsked.PROTOCOL_ERROR:
            return "refused"
