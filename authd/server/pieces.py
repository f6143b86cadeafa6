"""The pieces at work, for those who look at them: the control socket, which may tell them to forget, and metrics."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from authd.config.settings import BackendSettings, RouteSettings, Settings
from authd.decide.authenticator import Steps
from authd.decide.chain import Member
from authd.decide.counters import Counters
from authd.decide.decision import Decision
from authd.decide.histogram import Histogram
from authd.decide.queue import BackendQueue
from authd.decide.route import Route
from authd.helper.client import HelperClient
from authd.server.connection import Connections
from authd.server.loop_lag import LagCounters
from authd_backends.contract import Placement


@dataclass(frozen=True, slots=True)
class BackendAtWork:
    settings: BackendSettings
    placement: Placement
    member: Member
    durations: Histogram  # of its checks
    close: Callable[[], None]  # lets go of everything, when nothing is under way; may block
    made_for: object = None  # what else it was made of: differs where another has to be made
    slots: int = 0  # checks at once; one more is kept for who brings the password last accepted
    queue: BackendQueue | None = None  # None: it answers at once
    helper: HelperClient | None = None
    probe: Callable[[], Awaitable[str]] | None = (
        None  # why it is out, empty where it is not; of the helper's: whether it listens
    )


@dataclass(frozen=True, slots=True)
class Pieces:
    settings: Settings
    backends: Sequence[BackendAtWork]
    routes: Sequence[tuple[RouteSettings, Route]]
    steps: Steps
    decided: Sequence[Callable[[Decision], None]]  # who is told of each decision
    counters: Counters
    connections: Connections
    lag: LagCounters
    started: float  # on the monotonic clock
