"""What has happened since the start, as plain integers."""

from collections import Counter

from authd.decide.decision import Decision


class Counters:
    """Requests by protocol and outcome. The hot path adds one; who shows them shapes them."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()

    def count(self, decision: Decision) -> None:
        """Count a request at its end."""
        self.requests[decision.protocol, decision.outcome.value] += 1
