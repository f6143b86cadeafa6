"""What is known when a request has been decided."""

from enum import Enum
from typing import NamedTuple

from authd.config.settings import ThrottleAnswer
from authd.protocols.errors import Answer
from authd_backends.contract import Outcome, Request


class NotAsked(Enum):
    """Endings in which no backend had a say; the value is the word that logs and metrics use."""

    NO_ROUTE = "no_route"
    PROTOCOL_ERROR = "protocol_error"
    THROTTLED = "throttled"

    __hash__ = object.__hash__  # as of Outcome


class Arrival(NamedTuple):
    """A request, and what is known of its way here."""

    request: Request
    listener: str  # the path of the socket
    protocol: str  # the codec's name
    arrived: float  # time.monotonic() at accept
    sent: bytes = b""  # keyed digest of the bytes it came as; empty where it is not to be recognised by them


class Decision(NamedTuple):
    """One request's end: who, what, how long, and where the answer came from."""

    request: Request  # with the login that the route made
    protocol: str
    outcome: Outcome | NotAsked
    answer: Answer
    reason: str  # for the operator; holds no password
    backend: str  # the one whose verdict decided; empty where none was asked
    mechanism: str  # its type
    route: str
    cache: str  # how the look into the cache ended; empty where there was none
    is_repeated: bool  # this very wrong password of this user was seen a while ago
    duration: float  # seconds since accept
    answer_at: float  # when the answer is due, on the clock of `arrived`: a refusal is held back


def answer_to(outcome: Outcome | NotAsked, throttled: ThrottleAnswer) -> Answer:
    """What the client is told: an outage is a temporary failure, never a refusal; `throttled` says who is throttled."""
    match outcome:
        case Outcome.ACCEPTED:
            return Answer.OK
        case Outcome.UNAVAILABLE:
            return Answer.TEMPORARY_FAILURE
        case NotAsked.THROTTLED:
            return Answer.REFUSAL if throttled is ThrottleAnswer.NO else Answer.TEMPORARY_FAILURE
        case Outcome.WRONG_PASSWORD | Outcome.UNKNOWN_USER | Outcome.DISABLED | Outcome.EXPIRED:
            return Answer.REFUSAL
        case NotAsked.NO_ROUTE | NotAsked.PROTOCOL_ERROR:
            return Answer.REFUSAL
