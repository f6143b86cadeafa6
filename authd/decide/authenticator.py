"""The way of a request, from its arrival to its decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from authd.config.settings import ThrottleAnswer
from authd.decide.asked import Asked
from authd.decide.cache import Cache, Lookup, Origin
from authd.decide.chain import Member
from authd.decide.decision import Arrival, Decision, NotAsked, answer_to
from authd.decide.digest import Digester, identity
from authd.decide.failure_delay import FailureDelay
from authd.decide.names import CanonicalNames
from authd.decide.owners import Owners
from authd.decide.queue import NoAnswer, Urgency
from authd.decide.recognised import Recognised
from authd.decide.route import Route, first_match
from authd.decide.single_flight import SingleFlight
from authd.decide.throttle import Throttle, UserBlock
from authd_backends.contract import Outcome, Request, Secret, Verdict

NOBODY = Request("", Secret(b""))
NO_BACKEND: Origin = ("", "")


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps keep and do; each is made by who assembles the daemon."""

    cache: Cache
    throttle: Throttle
    names: CanonicalNames
    owners: Owners
    flights: SingleFlight[tuple[Verdict, Member]]
    delay: FailureDelay
    digester: Digester
    throttle_answer: ThrottleAnswer


class Authenticator:
    """Takes each request along the steps: route, address throttle, cache, user throttle, backends, remember, delay.

    `decide` is a coroutine whose first step ends it where nothing has to be waited for.
    """

    def __init__(self, routes: Sequence[Route], steps: Steps, clock: Callable[[], float]) -> None:
        self._routes = routes
        self._steps = steps
        self._clock = clock
        self._recognised = Recognised(steps.digester.digest_of)
        self.recognises = any(route.caches for route in routes)

    def digest_of(self, data: memoryview) -> bytes:
        """The digest by which a request's bytes are recognised; nothing where no route answers from the cache."""
        return self._recognised.digest_of(data) if self.recognises else b""

    def decide_recognised(self, listener: str, sent: bytes, arrived: float) -> Decision | None:
        """Decide at once on bytes that came in from the cache before, where they still do; None where they do not."""
        asked = self._recognised.get(listener, sent)
        if asked is None or self._steps.throttle.shuts_out(asked.name):
            return None
        origin = self._steps.cache.recall_accepted(asked.identity, asked.digest, asked.route.generation())
        if origin is None:
            return None
        return self._end_known(
            Arrival(asked.request, listener, asked.arrival.protocol, arrived), asked, Outcome.ACCEPTED, origin
        )

    async def decide(self, arrival: Arrival) -> Decision:
        """Give the decision. Whoever cannot wait for it calls `abandon` and does not cancel it: others may share it."""
        route = first_match(self._routes, arrival)
        if route is None:
            return self._end(arrival, arrival.request, NotAsked.NO_ROUTE, "no route takes this service and realm")
        request = route.with_login(arrival.request)
        if request is None:
            reason = "the route made an empty login"
            return self._end(arrival, arrival.request, NotAsked.NO_ROUTE, reason, route=route.name)
        who = identity(route.fingerprint, request, with_client=route.uses_client)
        digest = self._steps.digester.digest(who, request)
        asked = Asked(arrival, request, route, self._steps.names.of(who, request.login), who, digest)
        if self._steps.throttle.blocks_address(asked.name, request.client):
            return self._end_throttled(asked, "address")
        if self._steps.throttle.shuts_out(asked.name):
            return self._end_throttled(asked, "user")
        generation = route.generation()
        known = self._steps.cache.recall(who, digest, generation) if route.caches else None
        if known is not None:
            if known.outcome is Outcome.ACCEPTED and arrival.sent:
                self._recognised.add(asked)
            return self._end_known(arrival, asked, *known)
        return await self._ask(asked, generation)

    def abandon(self, arrival: Arrival, reason: str) -> Decision:
        """End a request that gets no verdict in time: a temporary failure."""
        return self._end(arrival, arrival.request, Outcome.UNAVAILABLE, reason)

    def refuse_malformed(self, listener: str, protocol: str, arrived: float, reason: str) -> Decision:
        """End what was no request."""
        return self._end(Arrival(NOBODY, listener, protocol, arrived), NOBODY, NotAsked.PROTOCOL_ERROR, reason)

    async def _ask(self, asked: Asked, generation: object) -> Decision:
        steps, request = self._steps, asked.request
        is_owner = steps.owners.include(asked)
        if self._blocks_user(asked, is_owner=is_owner):
            return self._end_throttled(asked, "user")
        verdict, member = await self._verdict(asked, Urgency.OWNER if is_owner else self._urgency(asked))
        name = steps.names.learn(asked.identity, asked.name, verdict.user)
        if name != asked.name:
            asked = asked._replace(name=name)
        is_accepted = verdict.outcome is Outcome.ACCEPTED
        is_refused = not is_accepted and verdict.outcome is not Outcome.UNAVAILABLE
        kind = self._late_block(asked, is_refused=is_refused, was_owner=is_owner)
        is_known = not asked.route.caches and steps.cache.was_last_accepted(asked.identity, asked.digest)
        if not (is_accepted and (kind or is_known)) and not steps.throttle.shuts_out(name):
            steps.cache.remember(asked.identity, asked.digest, verdict.outcome, generation, member.origin, name)
        if kind:
            if is_refused:
                steps.throttle.note_refusal(name, request.client, asked.digest)
            return self._end_throttled(asked, kind)
        if is_accepted:
            steps.owners.note(asked)
        return self._end_asked(asked, verdict, member)

    def _late_block(self, asked: Asked, *, is_refused: bool, was_owner: bool) -> str:
        """Whose wrong passwords block a request that has its verdict; empty where none do.

        Others may have guessed meanwhile, and who is meant is known only now. A guesser hears no refusal either.
        """
        if self._steps.throttle.blocks_address(asked.name, asked.request.client):
            return "address"
        is_owner = was_owner or self._steps.owners.include(asked)
        return "user" if self._blocks_user(asked, is_owner=is_owner, is_refused=is_refused) else ""

    def _blocks_user(self, asked: Asked, *, is_owner: bool, is_refused: bool = False) -> bool:
        """Whether the user's wrong passwords keep this request from being looked at, or its refusal from being told."""
        match self._steps.throttle.block_of(asked.name, asked.request.client):
            case UserBlock.NONE:
                return False
            case UserBlock.GUESSERS:
                return not is_owner and (is_refused or self._steps.owners.are_known_of(asked))
            case UserBlock.EVERYBODY:
                return True

    async def _verdict(self, asked: Asked, urgency: Urgency) -> tuple[Verdict, Member]:
        route, request = asked.route, asked.request
        if route.is_inline:
            return await route.chain.ask(request, urgency)
        key = (asked.digest, asked.identity)
        return await self._steps.flights.share(key, lambda: route.chain.ask(request, urgency))

    def _urgency(self, asked: Asked) -> Urgency:
        is_known = self._steps.throttle.is_known(asked.name, asked.request.client)
        return Urgency.KNOWN if is_known else Urgency.ANYBODY

    def _end_known(self, arrival: Arrival, asked: Asked, outcome: Outcome, origin: Origin) -> Decision:
        """End with what the cache has: no backend is asked."""
        throttle, client = self._steps.throttle, asked.request.client
        if outcome is Outcome.ACCEPTED:
            throttle.note_acceptance(asked.name, client)
            lookup = Lookup.HIT
        else:
            throttle.note_refusal(asked.name, client, asked.digest)
            lookup = Lookup.NEGATIVE_HIT
        return self._end(
            arrival,
            asked.request,
            outcome,
            "",
            origin=origin,
            route=asked.route.name,
            cache=lookup.value,
            is_repeated=lookup is Lookup.NEGATIVE_HIT,
        )

    def _end_asked(self, asked: Asked, verdict: Verdict, member: Member) -> Decision:
        """Count the verdict and end with it, or with what was known before the backends became unreachable."""
        steps, client = self._steps, asked.request.client
        if verdict.outcome is Outcome.UNAVAILABLE and not isinstance(verdict, NoAnswer):
            stale = steps.cache.recall_stale(asked.identity, asked.digest) if asked.route.caches else None
            if stale is not None:
                return self._end_stale(asked, verdict.reason, stale)
        is_repeated = False
        match verdict.outcome:
            case Outcome.ACCEPTED:
                steps.throttle.note_acceptance(asked.name, client)
            case Outcome.WRONG_PASSWORD | Outcome.UNKNOWN_USER:
                is_repeated = not steps.throttle.note_refusal(asked.name, client, asked.digest)
            case Outcome.DISABLED | Outcome.EXPIRED | Outcome.UNAVAILABLE:
                pass
        return self._end(
            asked.arrival,
            asked.request,
            verdict.outcome,
            verdict.reason,
            origin=member.origin,
            route=asked.route.name,
            cache=Lookup.MISS.value if asked.route.caches else "",
            is_repeated=is_repeated,
            delay=verdict.delay,
        )

    def _end_stale(self, asked: Asked, outage: str, stale: Origin) -> Decision:
        reason = f"known before the outage: {outage}"
        lookup = Lookup.STALE_USED.value
        route = asked.route.name
        accepted = Outcome.ACCEPTED
        return self._end(asked.arrival, asked.request, accepted, reason, origin=stale, route=route, cache=lookup)

    def _end_throttled(self, asked: Asked, kind: str) -> Decision:
        self._steps.throttle.throttled[kind] += 1
        reason = f"too many wrong passwords of this {kind}"
        return self._end(asked.arrival, asked.request, NotAsked.THROTTLED, reason, route=asked.route.name)

    def _end(
        self,
        arrival: Arrival,
        request: Request,
        outcome: Outcome | NotAsked,
        reason: str,
        *,
        origin: Origin = NO_BACKEND,
        route: str = "",
        cache: str = "",
        is_repeated: bool = False,
        delay: float = 0.0,
    ) -> Decision:
        answer = answer_to(outcome, self._steps.throttle_answer)
        return Decision(
            request,
            arrival.protocol,
            outcome,
            answer,
            reason,
            *origin,
            route,
            cache,
            is_repeated,
            self._clock() - arrival.arrived,
            arrival.arrived + self._steps.delay.of(outcome, answer, delay),
        )
