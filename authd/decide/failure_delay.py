"""How long a refusal is held back, so that guessing is slow and the time taken tells nothing."""

from collections.abc import Callable

from authd.decide.decision import NotAsked
from authd.protocols.errors import Answer
from authd_backends.contract import Outcome

JITTER = 0.1  # of the delay, at most
MARGIN = 0.5  # seconds before request_deadline at which every refusal is out


class FailureDelay:
    """The delay counts from the arrival: what the backend took is part of it."""

    def __init__(self, failure_delay: float, request_deadline: float, chance: Callable[[], float]) -> None:
        """`failure_delay` and `request_deadline` in seconds; 0 for the former switches every delay off.

        `chance` gives numbers from 0 to 1.
        """
        self._failure_delay = failure_delay
        self._most = max(0.0, request_deadline - MARGIN)
        self._chance = chance

    def of(self, outcome: Outcome | NotAsked, answer: Answer, wanted: float) -> float:
        """Seconds from arrival to answer; `wanted` is what the backend asks for, as PAM's modules do."""
        if answer is not Answer.REFUSAL or outcome is NotAsked.PROTOCOL_ERROR or not self._failure_delay:
            return 0.0
        delay = max(self._failure_delay, wanted) * (1.0 + JITTER * self._chance())
        return min(delay, self._most)
