"""Bytes to an answer: the codec, then the first step of the pipeline, taken by hand."""

import logging
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from types import coroutine
from typing import Any

from authd.decide.authenticator import Authenticator
from authd.decide.chain import where_raised
from authd.decide.decision import Arrival, Decision, NotAsked
from authd.protocols.detect import SASLAUTHD, Codec, codec_for
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


@dataclass(frozen=True, slots=True)
class Pending:
    """A request whose decision has to be waited for."""

    arrival: Arrival
    codec: Codec
    steps: Coroutine[Any, Any, Decision]  # begun by hand
    awaited: Any  # what they wait for


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to what is no request, behind which the client may still be sending."""

    answer: bytes


def temporary_failure(begun: bytes | bytearray) -> bytes:
    """Give the answer to a request that has only begun: in version 2, nearly always, where not a byte has come."""
    codec = codec_for(begun[0]) if begun else SASLAUTHD
    return codec.encode(Answer.TEMPORARY_FAILURE)


class Desk:
    """Turns what has come on a connection into the answer's bytes. Knows no sockets."""

    def __init__(self, authenticator: Authenticator, *, answer_texts: bool) -> None:
        self._authenticator = authenticator
        self._texts = _TEXTS if answer_texts else dict.fromkeys(_TEXTS, "")

    def look(self, data: memoryview, listener: str, arrived: float) -> bytes | Pending | Refused | None:
        """Give the answer at once where nothing has to be waited for, None while the request is not whole.

        `data` is all that has come, at least one byte; `arrived` is the time of accept.
        """
        codec = codec_for(data[0])
        try:
            request = codec.decode(data)
        except ProtocolError as error:
            decision = self._authenticator.refuse_malformed(listener, codec.name, arrived, str(error))
            return Refused(codec.encode(error.answer, self._texts[decision.outcome]))
        if request is None:
            return None
        arrival = Arrival(request, listener, codec.name, arrived)
        steps = self._authenticator.decide(arrival)
        try:
            awaited = steps.send(None)
        except StopIteration as end:
            return self._encode(codec, end.value)
        except Exception as error:
            return self._defect(codec, arrival, error)
        return Pending(arrival, codec, steps, awaited)

    async def finish(self, pending: Pending) -> bytes:
        """Wait for the decision and give its answer. Whoever cancels this calls `abandon` for an answer."""
        try:
            return self._encode(pending.codec, await _go_on(pending.steps, pending.awaited))
        except Exception as error:
            return self._defect(pending.codec, pending.arrival, error)

    def abandon(self, pending: Pending, reason: str) -> bytes:
        """Give the answer of a request that is not waited for any longer: a temporary failure."""
        return self._encode(pending.codec, self._authenticator.abandon(pending.arrival, reason))

    def _defect(self, codec: Codec, arrival: Arrival, error: Exception) -> bytes:
        log.error("while deciding: %s", where_raised(error))
        return self._encode(codec, self._authenticator.abandon(arrival, f"defect: {type(error).__name__}"))

    def _encode(self, codec: Codec, decision: Decision) -> bytes:
        return codec.encode(decision.answer, self._texts[decision.outcome])


@coroutine
def _go_on(steps: Coroutine[Any, Any, Decision], awaited: Any) -> Generator[Any, Any, Decision]:
    """A coroutine for a task that takes `steps` over where its first step, taken by hand, left it: at `awaited`."""
    try:
        yield awaited
    except BaseException:
        steps.close()
        raise
    return (yield from steps.__await__())
