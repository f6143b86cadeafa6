"""What has happened since the start, as plain integers. The hot path adds one; who shows them shapes them."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import product

from authd.config.settings import RouteSettings
from authd.decide.decision import Decision, NotAsked
from authd.decide.histogram import Histogram
from authd.protocols.detect import CODECS
from authd_backends.contract import Outcome

SERVICE_CLASSES = ("smtp", "imap", "pop", "sieve", "lmtp", "ldap")
OTHER = "other"


class Counters:
    """Requests by protocol, service class and outcome, and how long their decisions took by protocol.

    A service class is a service that is known here or that a route names, without case; whatever else clients send is
    `OTHER`, so that nobody can make this grow.
    """

    def __init__(self, routes: Iterable[RouteSettings] = ()) -> None:
        self._class_of = {name: name for name in (*SERVICE_CLASSES, OTHER)}
        self.requests: Counter[tuple[str, str, Outcome | NotAsked]] = Counter()
        self.durations = defaultdict(Histogram, {name: Histogram() for name in CODECS})
        self.know(routes)

    def know(self, routes: Iterable[RouteSettings]) -> None:
        """Count what these routes name as classes of their own, beside those that are known."""
        named = (name.casefold() for route in routes for name in route.services or () if "*" not in name)
        self._class_of |= {name: name for name in named}
        for each in product(CODECS, self._class_of, (*Outcome, *NotAsked)):
            self.requests.setdefault(each, 0)

    def count(self, decision: Decision) -> None:
        """Count a request at its end."""
        service = decision.request.service
        class_ = self._class_of.get(service) or self._class_of.get(service.casefold(), OTHER)
        self.requests[decision.protocol, class_, decision.outcome] += 1
        self.durations[decision.protocol].add(decision.duration)

    def by_outcome(self) -> dict[tuple[str, str], int]:
        """Give the requests that there were by protocol and outcome, whatever their service."""
        found: Counter[tuple[str, str]] = Counter()
        for (protocol, _, outcome), count in self.requests.items():
            if count:
                found[protocol, outcome.value] += count
        return dict(found)


class BackendCounters:
    """What one backend has answered."""

    __slots__ = ("_now", "answers", "dropped", "last_answered")

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now` gives seconds since 1970."""
        self.answers = dict.fromkeys(Outcome, 0)
        self.dropped = 0  # of UNAVAILABLE: requests that found its queue full or too slow
        self.last_answered = 0.0  # when it last was not UNAVAILABLE; 0 is never
        self._now = now

    def note(self, outcome: Outcome) -> None:
        """Count an answer."""
        self.answers[outcome] += 1
        if outcome is not Outcome.UNAVAILABLE:
            self.last_answered = self._now()
