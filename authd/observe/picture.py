"""What the operator's page shows, as plain data. Rates are a second, times are seconds.

Series of the last minutes have one number for each span of `history.INTERVAL` seconds, the oldest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from authd.observe.history import MINUTE

Series = Sequence[float]
Times = Sequence[float | None]  # None where nothing was timed


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Requests of the last minutes by what they were told, and how long the answers took."""

    accepted: Series
    refused: Series
    throttled: Series
    unavailable: Series
    median: Times
    slowest: Times  # nineteen in twenty were faster


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendPicture:
    name: str
    type: str
    placement: str
    problem: str  # why it is down; empty while it is up
    running: int | None = None  # None of all three: it answers at once
    slots: int | None = None
    queued: int | None = None
    places: int | None = None
    totals: Mapping[str, int]  # answers since the start, by outcome
    answered: Series
    unavailable: Series
    took: Times  # a check on average
    worker_deaths: int | None = None  # None: none of the helper's


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutePicture:
    name: str
    takes: Mapping[str, Sequence[str]]  # services, realms, listeners; what it does not look at is left out
    backends: Sequence[str]
    login: str
    is_cached: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerPicture:
    path: str
    protocol: str
    mode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePicture:
    is_enabled: bool
    entries: int
    lookups: Mapping[str, int]  # since the start, by how they ended
    found: Series  # looks that answered
    missed: Series
    evictions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottlePicture:
    """How many are blocked. Who they are, only the control socket tells."""

    is_enabled: bool
    users: int
    addresses: int
    throttled: Mapping[str, int]  # requests since the start, by what they were throttled for


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    version: str
    pid: int
    taken: datetime
    uptime: float
    interval: float  # seconds of one span of a series
    spans: int  # of a full series
    traffic: Traffic
    waiting: Series  # requests in the queues of the backends
    requests: Mapping[str, Mapping[str, int]]  # since the start, by protocol and outcome
    backends: Sequence[BackendPicture]
    routes: Sequence[RoutePicture]
    mute_routes: Sequence[str]  # those that no backend can answer
    listeners: Sequence[ListenerPicture]
    cache: CachePicture
    throttle: ThrottlePicture
    connections: Mapping[str, int]
    longest_lag: float  # of the loop, since the start
    helper_listens: bool | None = None  # None where no backend needs it


def last_minute(series: Series) -> float:
    """Give the mean of the last minute."""
    latest = series[-MINUTE:]
    return sum(latest) / len(latest) if latest else 0.0


def last(series: Times) -> float | None:
    """Give the last of a series, None where there is none."""
    return series[-1] if series else None
