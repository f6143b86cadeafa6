"""Requests known as they were sent: who has come in from the cache comes in again without being decoded."""

from collections.abc import Callable
from dataclasses import replace

from authd.decide.asked import Asked
from authd_backends.contract import Secret

MAX_RECOGNISED = 4096  # requests; then all are forgotten, and those that still come are learned again
NO_PASSWORD = Secret(b"")


class Recognised:
    """What codec, route and names made of a request's bytes: always the same, so that it is worked out once.

    Bytes are known by a keyed digest and nothing of the password is kept. Whether it still opens is not decided here.
    """

    def __init__(self, digest_of: Callable[[bytes | memoryview], bytes]) -> None:
        self.digest_of = digest_of
        self._known: dict[tuple[str, bytes], Asked] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, listener: str, sent: bytes) -> Asked | None:
        """What the bytes with the digest `sent` ask for at this listener."""
        return self._known.get((listener, sent))

    def add(self, asked: Asked) -> None:
        """Learn a request. One that names the client's port is hardly ever sent twice: it is not learned."""
        if asked.request.client is not None:
            return
        if len(self._known) >= MAX_RECOGNISED:
            self._known.clear()
        request = replace(asked.request, password=NO_PASSWORD)
        arrival = asked.arrival
        self._known[arrival.listener, arrival.sent] = asked._replace(
            arrival=arrival._replace(request=request), request=request
        )
