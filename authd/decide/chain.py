"""Asks backends in order until one of them ends it."""

import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field

from authd.config.settings import Following
from authd.decide.counters import BackendCounters
from authd.decide.queue import NoAnswer, Overload, Urgency
from authd_backends.contract import Outcome, Request, Verdict

log = logging.getLogger(__name__)

_RANK = {
    Outcome.ACCEPTED: 0,
    Outcome.UNAVAILABLE: 1,
    Outcome.DISABLED: 2,
    Outcome.EXPIRED: 3,
    Outcome.WRONG_PASSWORD: 4,
    Outcome.UNKNOWN_USER: 5,
}


def _no_generation() -> None:
    """Of a backend that cannot tell whether it has changed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A backend as the chain asks it: at once, or awaited in its own queue within its own deadline."""

    name: str
    type: str
    ask: Callable[[Request, Urgency], Verdict | Awaitable[Verdict]]
    generation: Callable[[], Hashable] = _no_generation
    is_inline: bool = False  # answers at once: nothing is gained by remembering its answers
    uses_client: bool = False  # the client may decide: who is remembered is remembered with it
    counters: BackendCounters = field(default_factory=BackendCounters, compare=False)

    @property
    def origin(self) -> tuple[str, str]:
        """What is told of a verdict: whose it is, and by which mechanism."""
        return self.name, self.type


@dataclass(frozen=True, slots=True)
class Chain:
    """Backends in the order in which they are asked, and which outcomes end it.

    UNKNOWN_USER goes on. ACCEPTED, DISABLED and EXPIRED end it. WRONG_PASSWORD and UNAVAILABLE do what was set, but an
    Overload ends it: a flood must not bring the next backend to decide in place of this one.
    """

    members: Sequence[Member]
    on_wrong_password: Following = Following.STOP
    on_unavailable: Following = Following.CONTINUE

    async def ask(self, request: Request, urgency: Urgency) -> tuple[Verdict, Member]:
        """Give the verdict that counts and whose it is.

        Any ACCEPTED wins; else UNAVAILABLE if any was, since that backend might have accepted; else the most telling
        refusal: DISABLED, EXPIRED, WRONG_PASSWORD, UNKNOWN_USER.
        """
        found: list[tuple[Verdict, Member]] = []
        for member in self.members:
            try:
                answer = member.ask(request, urgency)
                verdict = answer if isinstance(answer, Verdict) else await answer
            except Exception as error:
                verdict = _defect(member, error)
            member.counters.note(verdict.outcome)
            found.append((verdict, member))
            if isinstance(verdict, Overload):
                member.counters.dropped += 1
                break
            if not self._goes_on(verdict.outcome):
                break
        return _counting(found)

    def _goes_on(self, outcome: Outcome) -> bool:
        match outcome:
            case Outcome.UNKNOWN_USER:
                return True
            case Outcome.WRONG_PASSWORD:
                return self.on_wrong_password is Following.CONTINUE
            case Outcome.UNAVAILABLE:
                return self.on_unavailable is Following.CONTINUE
            case Outcome.ACCEPTED | Outcome.DISABLED | Outcome.EXPIRED:
                return False


def _counting(found: list[tuple[Verdict, Member]]) -> tuple[Verdict, Member]:
    """Of all that was heard, the verdict that counts; of two outages that of a store that may be alive."""
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda each: (_RANK[each[0].outcome], not isinstance(each[0], NoAnswer)))


def _defect(member: Member, error: Exception) -> Verdict:
    """What a backend raises is a defect: an outage for the client and a line for the operator.

    The error's own text is left out, since it may quote what the client sent.
    """
    log.error("backend %s: %s", member.name, where_raised(error))
    return Verdict(Outcome.UNAVAILABLE, f"defect: {type(error).__name__}")


def where_raised(error: BaseException) -> str:
    """The kind of an error and where it was raised, without its text."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" at {frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__}{place}"
