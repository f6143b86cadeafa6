"""Bytes to a reply: the codec, then the first step of the pipeline, taken by hand."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from authd.decide.authenticator import Authenticator
from authd.decide.chain import where_raised
from authd.decide.decision import Arrival, Decision, NotAsked
from authd.decide.first_step import Begun, begin
from authd.protocols.detect import CODECS, SASLAUTHD, codec_for
from authd.protocols.errors import Answer, ProtocolError
from authd_backends.contract import Outcome

log = logging.getLogger(__name__)

# cyrus-sasl saslauthd/auth_shadow.c where it has a text for it
_TEXTS = {
    Outcome.ACCEPTED: "",
    Outcome.WRONG_PASSWORD: "Incorrect password",
    Outcome.UNKNOWN_USER: "Invalid username",
    Outcome.DISABLED: "Account disabled",
    Outcome.EXPIRED: "Account expired",
    Outcome.UNAVAILABLE: "",
    NotAsked.NO_ROUTE: "authentication failed",
    NotAsked.PROTOCOL_ERROR: "malformed request",
    NotAsked.THROTTLED: "authentication failed",
}


class Pending(NamedTuple):
    """A request whose decision has to be waited for."""

    arrival: Arrival
    decision: Begun[Decision]


class Reply(NamedTuple):
    """An answer's bytes, and when they are due: 0 is at once, else a time on the monotonic clock.

    Whoever sends it, or holds it back, tells the desk.
    """

    answer: bytes
    decision: Decision
    due: float = 0.0
    more_may_come: bool = False  # it answers what is no request, and the client may still be sending


def temporary_failure(begun: bytes | bytearray) -> bytes:
    """Give the answer to a request that has only begun: in version 2, nearly always, where not a byte has come."""
    codec = codec_for(begun[0]) if begun else SASLAUTHD
    return codec.encode(Answer.TEMPORARY_FAILURE)


class Desk:
    """Turns what has come on a connection into a reply. Knows no sockets."""

    def __init__(
        self, authenticator: Authenticator, listeners: Sequence[Callable[[Decision], None]], *, answer_texts: bool
    ) -> None:
        """`listeners` are given each decision once, whatever ended it."""
        self._authenticator = authenticator
        self._listeners = listeners
        self._texts = _TEXTS if answer_texts else dict.fromkeys(_TEXTS, "")
        self._encoded: dict[tuple[str, Outcome | NotAsked, Answer], bytes] = {}  # as many as there are endings

    def look(self, data: memoryview, listener: str, arrived: float) -> Reply | Pending | None:
        """Give the reply at once where nothing has to be waited for, None while the request is not whole.

        `data` is all that has come, at least one byte; `arrived` is the time of accept.
        """
        sent = self._authenticator.digest_of(data)
        recognised = self._authenticator.decide_recognised(listener, sent, arrived) if sent else None
        if recognised is not None:
            return self._reply(recognised, arrived)
        codec = codec_for(data[0])
        try:
            request = codec.decode(data)
        except ProtocolError as error:
            decision = self._authenticator.refuse_malformed(listener, codec.name, arrived, str(error))
            return Reply(codec.encode(error.answer, self._texts[decision.outcome]), decision, more_may_come=True)
        if request is None:
            return None
        arrival = Arrival(request, listener, codec.name, arrived, sent)
        try:
            begun = begin(self._authenticator.decide(arrival))
        except Exception as error:
            return self._defect(arrival, error)
        return Pending(arrival, begun) if isinstance(begun, Begun) else self._reply(begun, arrived)

    async def finish(self, pending: Pending) -> Reply:
        """Wait for the decision and give its reply. Whoever cannot wait for that calls `abandon` for another."""
        try:
            return self._reply(await pending.decision.finish(), pending.arrival.arrived)
        except Exception as error:
            return self._defect(pending.arrival, error)

    def abandon(self, pending: Pending, reason: str) -> Reply:
        """Give the reply to a request that is not waited for any longer: a temporary failure."""
        return self._reply(self._authenticator.abandon(pending.arrival, reason), pending.arrival.arrived)

    def tell(self, reply: Reply) -> None:
        """Count and log what was decided: after the answer, which is not to wait for that, where it is sent at once."""
        for listener in self._listeners:
            listener(reply.decision)

    def _defect(self, arrival: Arrival, error: Exception) -> Reply:
        log.error("while deciding: %s", where_raised(error))
        decision = self._authenticator.abandon(arrival, f"defect: {type(error).__name__}")
        return self._reply(decision, arrival.arrived)

    def _reply(self, decision: Decision, arrived: float) -> Reply:
        due = decision.answer_at if decision.answer_at > arrived else 0.0
        ending = (decision.protocol, decision.outcome, decision.answer)
        answer = self._encoded.get(ending)
        if answer is None:
            codec = CODECS[decision.protocol]
            answer = self._encoded[ending] = codec.encode(decision.answer, self._texts[decision.outcome])
        return Reply(answer, decision, due)
