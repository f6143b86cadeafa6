"""What has happened to the configuration since the start, as plain numbers."""

from dataclasses import dataclass


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
