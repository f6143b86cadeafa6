"""What has happened to configuration and log since the start, as plain numbers."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Reason(Enum):
    """Why a decision has no line; the value is the word that the log and metrics use."""

    FLOOD = "flood"  # there were too many
    UNREAD = "unread"  # what the lines went to took none

    __hash__ = object.__hash__


@dataclass(slots=True)
class LogCounters:
    written: int = 0  # decisions
    left_out: Counter[tuple[Reason, str]] = field(default_factory=Counter)  # by outcome too


@dataclass(slots=True)
class ReloadCounters:
    loaded: float  # when what is in force was read, in seconds since 1970: the start's, too
    succeeded: int = 0
    failed: int = 0
    last_succeeded: bool = True

    def note_success(self, now: float) -> None:
        """Count a new configuration that is in force; `now` is in seconds since 1970."""
        self.loaded = now
        self.succeeded += 1
        self.last_succeeded = True

    def note_failure(self) -> None:
        """Count a file that was not taken up."""
        self.failed += 1
        self.last_succeeded = False
