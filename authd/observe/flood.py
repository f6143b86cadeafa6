"""Bounds what a flood of guesses writes, so that it buries neither the disk nor what else happens."""

from collections import Counter
from collections.abc import Callable

from authd.config.settings import LogSettings
from authd.decide.decision import Decision, NotAsked
from authd.decide.sources import Sources
from authd.decide.throttle import name_of
from authd_backends.contract import Outcome

SECOND, MINUTE = 1.0, 60.0
MAX_SOURCES = 20_000  # counted at once; beyond, only what each outcome has in all bounds new ones


class Flood:
    """Says which decisions are told: so many a second of each outcome, so many a minute of each source.

    No outcome takes another's place: guesses never keep an acceptance or an outage untold. A source is the client's
    address (the /64 of IPv6), or the user's name where none is known or many users come from it; acceptances are not
    bounded by source, and repetitions of a password are a source of their own.
    """

    def __init__(
        self, settings: LogSettings, sources: Sources, call_later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._accepted = settings.max_accepted_per_second or float("inf")
        self._others = settings.max_others_per_second or float("inf")
        self._of_source = settings.max_per_source_per_minute or float("inf")
        self._sources = sources
        self._call_later = call_later
        self._told: dict[Outcome | NotAsked, int] = {}  # in this second
        self._told_of: Counter[str] = Counter()  # in this minute

    def admits(self, decision: Decision) -> bool:
        """Whether to tell this decision."""
        outcome, told = decision.outcome, self._told
        count = told.get(outcome, 0)
        if outcome is Outcome.ACCEPTED:
            if count >= self._accepted:
                return False
        elif count >= self._others or not self._admits_source(decision):
            return False
        if not told:
            self._call_later(SECOND, told.clear)
        told[outcome] = count + 1
        return True

    def _admits_source(self, decision: Decision) -> bool:
        source, told = self._source(decision), self._told_of
        count = told[source]
        if count >= self._of_source:
            return False
        if not told:
            self._call_later(MINUTE, told.clear)
        if count or len(told) < MAX_SOURCES:
            told[source] = count + 1
        return True

    def _source(self, decision: Decision) -> str:
        client = decision.request.client
        source = self._sources(client.address) if client is not None else None
        source = source or f"user {name_of(decision.request.login)}"
        # apart, or who sends one wrong password again and again could hide all his other ones behind it
        return f"{source} again" if decision.is_repeated else source
