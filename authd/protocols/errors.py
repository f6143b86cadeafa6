"""What goes out, and the one error for what should not have come in."""

from enum import Enum


class Answer(Enum):
    """What a client is told; each codec has its own bytes for it."""

    OK = "OK"
    REFUSAL = "NO"
    TEMPORARY_FAILURE = "temporary failure"


class ProtocolError(Exception):
    """Bytes that are no request and that no further byte can mend; `answer` is what the sender is told."""

    def __init__(self, message: str, answer: Answer = Answer.REFUSAL) -> None:
        super().__init__(message)
        self.answer = answer
