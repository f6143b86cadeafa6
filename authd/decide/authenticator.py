"""The way of a request, from its arrival to its decision."""

from collections.abc import Callable, Sequence

from authd.decide.decision import Arrival, Decision, NotAsked, answer_to
from authd.decide.route import Route, first_match
from authd_backends.contract import Outcome, Request, Secret

NOBODY = Request("", Secret(b""))


class Authenticator:
    """Takes each request along the steps: route, chain, decision.

    `decide` is a coroutine whose first step ends it where nothing has to be waited for. Each decision is given to all
    `listeners` once, whatever ended it.
    """

    def __init__(
        self, routes: Sequence[Route], listeners: Sequence[Callable[[Decision], None]], clock: Callable[[], float]
    ) -> None:
        self._routes = routes
        self._listeners = listeners
        self._clock = clock

    async def decide(self, arrival: Arrival) -> Decision:
        """Give the decision. Whoever cancels this calls `abandon`."""
        route = first_match(self._routes, arrival)
        if route is None:
            return self._end(arrival, arrival.request, NotAsked.NO_ROUTE, "no route takes this service and realm")
        request = route.with_login(arrival.request)
        if request is None:
            reason = "the route made an empty login"
            return self._end(arrival, arrival.request, NotAsked.NO_ROUTE, reason, route=route.name)
        verdict, member = await route.chain.ask(request)
        return self._end(
            arrival,
            request,
            verdict.outcome,
            verdict.reason,
            backend=member.name,
            mechanism=member.type,
            route=route.name,
        )

    def abandon(self, arrival: Arrival, reason: str) -> Decision:
        """End a request that gets no verdict in time: a temporary failure."""
        return self._end(arrival, arrival.request, Outcome.UNAVAILABLE, reason)

    def refuse_malformed(self, listener: str, protocol: str, arrived: float, reason: str) -> Decision:
        """End what was no request."""
        return self._end(Arrival(NOBODY, listener, protocol, arrived), NOBODY, NotAsked.PROTOCOL_ERROR, reason)

    def _end(
        self,
        arrival: Arrival,
        request: Request,
        outcome: Outcome | NotAsked,
        reason: str,
        *,
        backend: str = "",
        mechanism: str = "",
        route: str = "",
    ) -> Decision:
        decision = Decision(
            request,
            arrival.protocol,
            outcome,
            answer_to(outcome),
            reason,
            backend,
            mechanism,
            route,
            self._clock() - arrival.arrived,
        )
        for listener in self._listeners:
            listener(decision)
        return decision
