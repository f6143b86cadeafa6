"""Which of several servers to ask next: a policy, without clocks, connections or threads of its own.

A use of it::

    while (server := failover.choose(tried)) is not None:
        began = clock()
        try:
            answer = ask(server)
        except Down:
            failover.failed(server, began)
            tried.add(server)
        else:
            failover.succeeded(server)
            return answer
    raise Unavailable("no server answers")
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

FIRST_PAUSE = 0.25  # seconds from a failure to the first probe
LONGEST_PAUSE = 4.0  # seconds between probes, at most: a server that is back is found within them

S = TypeVar("S", bound=Hashable)


@dataclass(slots=True)
class _State:
    failures: int = 0  # one after another; 0: alive
    probe_at: float = 0.0
    probing: bool = False
    answered: float = float("-inf")


class Failover(Generic[S]):
    """Servers in the order of preference, and what is known of each.

    A server that failed is dead and left alone but for probes, one at a time, the pause before each twice the last and
    jittered, so that not all clients of a server come back at once. A probe that answers makes it alive again: the
    first server is returned to by itself. While all are dead nobody is asked but the one whose probe is due.

    Not locked: threads that share one hold a lock around each call.
    """

    def __init__(
        self,
        servers: Sequence[S],
        clock: Callable[[], float],
        chance: Callable[[], float],
        *,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        """`clock` gives seconds that never go back, `chance` a number from 0 to 1."""
        self._states = {server: _State() for server in servers}
        self._clock = clock
        self._chance = chance
        self._first_pause = first_pause
        self._longest_pause = longest_pause

    def choose(self, tried: Collection[S] = ()) -> S | None:
        """Give the first server that is alive, or dead and due for a probe, and not among `tried`; None: no server.

        Who is given a dead one is its probe and tells how it ended. Of a probe that tells nothing, since it was
        cancelled, the next one takes the place after the longest pause.
        """
        now = self._clock()
        for server, state in self._states.items():
            if server in tried or (state.failures and now < state.probe_at):
                continue
            if state.failures:
                state.probing = True
                state.probe_at = now + self._longest_pause
            return server
        return None

    def is_dead(self, server: S) -> bool:
        """Whether it failed and has not answered since: what `choose` gives then is a probe."""
        return self._states[server].failures > 0

    def failed(self, server: S, began: float) -> None:
        """Tell that a try, which began then, got no answer. It says nothing where somebody got one since."""
        state = self._states[server]
        if state.answered >= began or (state.failures and not state.probing):
            return
        state.failures += 1
        state.probing = False
        state.probe_at = self._clock() + self._pause(state.failures)

    def succeeded(self, server: S) -> None:
        """Tell that the server answered, whatever it said."""
        state = self._states[server]
        state.failures, state.probing, state.answered = 0, False, self._clock()

    def _pause(self, failures: int) -> float:
        """Give seconds, from half of the full pause to all of it."""
        full = min(self._first_pause * 2.0 ** min(failures - 1, 32), self._longest_pause)
        return full * (1 + self._chance()) / 2
