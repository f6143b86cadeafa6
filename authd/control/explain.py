"""``authd explain``: the way of one login, and with its password what each backend said to it."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from authd.config.settings import RouteSettings
from authd.control.messages import Explain, MessageError
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Member
from authd.decide.decision import Arrival, Decision
from authd.decide.digest import identity
from authd.decide.queue import Urgency
from authd.decide.route import Route, first_match
from authd.server.pieces import Pieces
from authd_backends.contract import Client, Request, Secret, Verdict
from authd_backends.options import written

PROTOCOL = "control"  # under which it is counted and logged


async def explain(pieces: Pieces, command: Explain) -> dict[str, Any]:
    """Give the route, its login and its backends, what is known of the user, and with a password the decision.

    A password is tried as a login's is and counted like one, but for the throttle, which only says what it would do.
    Raises MessageError.
    """
    arrival = _arrival(pieces, command)
    route = first_match([route for _, route in pieces.routes], arrival)
    if route is None:
        found: dict[str, Any] = {"route": None}
    else:
        request = route.with_login(arrival.request)
        login = request.login if request else ""
        who = identity(route.fingerprint, arrival.request, with_client=route.uses_client)
        found = {"route": _route(pieces, route), "login": login, "backends": _backends(pieces, route)}
        found["throttle"] = _throttle(pieces, pieces.steps.names.of(who, login), arrival.request.client)
    return found if command.password is None else found | await _tried(pieces, arrival)


def _arrival(pieces: Pieces, command: Explain) -> Arrival:
    if not command.user:
        raise MessageError("explain: user: expected a name, got nothing")
    listeners = [str(each.path) for each in pieces.settings.listeners]
    listener = command.listener or listeners[0]
    if listener not in listeners:
        raise MessageError(f"explain: listener: expected one of {', '.join(listeners)}")
    password = command.password or Secret(b"")
    request = Request(command.user, password, command.realm, command.service, client=_client(command.client))
    return Arrival(request, listener, PROTOCOL, time.monotonic())


def _client(address: str | None) -> Client | None:
    if address is None:
        return None
    try:
        return Client(str(ip_address(address)))
    except ValueError:
        raise MessageError("explain: client: expected an IP address") from None


def _route(pieces: Pieces, route: Route) -> dict[str, Any]:
    entry = next(entry for entry, each in pieces.routes if each is route)
    return {"name": route.name, **_settings(entry), "cache": route.caches}


def _settings(entry: RouteSettings) -> dict[str, Any]:
    settings = written(entry)
    del settings["name"], settings["backends"]
    return settings


def _backends(pieces: Pieces, route: Route) -> list[dict[str, Any]]:
    at_work = {each.settings.name: each for each in pieces.backends}
    found = [at_work[member.name] for member in route.chain.members]
    return [
        {
            "name": each.settings.name,
            "type": each.settings.type,
            "placement": each.placement.value,
            "deadline": each.settings.deadline if each.queue else None,
        }
        for each in found
    ]


def _throttle(pieces: Pieces, name: str, client: Client | None) -> dict[str, Any]:
    """What it would do to who counts under this name, now."""
    throttle = pieces.steps.throttle
    return {
        "address_is_blocked": throttle.blocks_address(name, client),
        "user_is_blocked_for": throttle.block_of(name, client).value,
        "wrong_passwords_of_user": throttle.users(name),
    }


@dataclass(slots=True)
class _Trace:
    """What each backend of a chain said, in order."""

    steps: list[dict[str, Any]] = field(default_factory=list)

    def of(self, member: Member) -> Member:
        """The same backend, which leaves a note of each check here."""

        async def ask(request: Request, urgency: Urgency) -> Verdict:
            began = time.monotonic()
            answer = member.ask(request, urgency)
            verdict = answer if isinstance(answer, Verdict) else await answer
            seconds = time.monotonic() - began
            outcome, reason = verdict.outcome.value, verdict.reason
            self.steps.append({"backend": member.name, "outcome": outcome, "reason": reason, "seconds": seconds})
            return verdict

        return replace(member, ask=ask)

    def along(self, route: Route) -> Route:
        return replace(route, chain=replace(route.chain, members=[self.of(each) for each in route.chain.members]))


async def _tried(pieces: Pieces, arrival: Arrival) -> dict[str, Any]:
    """Send it the way of every login, in which nothing is different but the throttle and the notes."""
    trace = _Trace()
    routes = [trace.along(route) for _, route in pieces.routes]
    steps = replace(pieces.steps, throttle=pieces.steps.throttle.without_blocks())
    authenticator = Authenticator(routes, steps, time.monotonic)
    deciding = asyncio.create_task(authenticator.decide(arrival))
    await asyncio.wait([deciding], timeout=pieces.settings.server.request_deadline)
    if deciding.done():
        decision = deciding.result()
    else:
        decision = authenticator.abandon(arrival, "no decision within request_deadline")
    for listener in pieces.decided:
        listener(decision)
    return {"steps": trace.steps, "decision": _decision(arrival, decision)}


def _decision(arrival: Arrival, decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.value,
        "answer": decision.answer.name.lower(),
        "reason": decision.reason,
        "backend": decision.backend,
        "cache": decision.cache,
        "seconds": decision.duration,
        "held_back": max(0.0, decision.answer_at - arrival.arrived),
    }
