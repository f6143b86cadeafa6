"""Which backends are asked for a request, in which order, and under which login."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from authd.config.settings import RouteSettings
from authd.decide.chain import Chain
from authd.decide.decision import Arrival
from authd_backends.contract import Request
from authd_backends.templates import Template

FINGERPRINT_BYTES = 16
LOGIN_NAMES = ("user", "realm", "service")


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled entry of ``[[routes]]``."""

    name: str
    matches: Callable[[Arrival], bool]
    with_login: Callable[[Request], Request | None]  # None where the login would be empty
    chain: Chain
    is_inline: bool  # every backend answers at once
    caches: bool  # whether it answers from the cache
    uses_client: bool
    fingerprint: bytes  # of all that decides what its answers mean

    def generation(self) -> Hashable:
        """What the backends know now, as far as they can tell."""
        if not self.caches:
            return None
        members = self.chain.members
        if len(members) == 1:  # nearly always, and on the way of every cache hit
            return members[0].generation()
        return tuple(member.generation() for member in members)


def first_match(routes: Sequence[Route], arrival: Arrival) -> Route | None:
    """Give the first route that takes this request."""
    for route in routes:
        if route.matches(arrival):
            return route
    return None


def route_of(settings: RouteSettings, number: int, chain: Chain, options: object = None) -> Route:
    """Compile the `number`-th entry (from 1), which is its name where it has none.

    `options` are those of its backends. With the form of the login and the order they make the fingerprint: two routes
    share what is remembered only where they would ask the same, and nothing outlives a change.
    """
    meaning = (settings.login, settings.backends, settings.on_wrong_password, settings.on_unavailable, options)
    is_inline = all(member.is_inline for member in chain.members)
    return Route(
        settings.name or str(number),
        _matcher(settings),
        login_maker(settings.login),
        chain,
        is_inline=is_inline,
        caches=settings.cache and not is_inline,
        uses_client=any(member.uses_client for member in chain.members),
        fingerprint=blake2b(repr(meaning).encode("utf-8", "surrogateescape"), digest_size=FINGERPRINT_BYTES).digest(),
    )


def _matcher(settings: RouteSettings) -> Callable[[Arrival], bool]:
    listeners = None if settings.listeners is None else frozenset(str(path) for path in settings.listeners)
    services = _patterns(settings.services)
    realms = _patterns(settings.realms)
    if listeners is None and services is None and realms is None:
        return lambda _: True

    def matches(arrival: Arrival) -> bool:
        return (
            (listeners is None or arrival.listener in listeners)
            and (services is None or services(arrival.request.service))
            and (realms is None or realms(arrival.request.realm))
        )

    return matches


def _patterns(patterns: Sequence[str] | None) -> Callable[[str], bool] | None:
    """A test for exact names, ``*`` (any, the empty one too) and ``*.suffix``, all without case; None: any."""
    if patterns is None:
        return None
    folded = [pattern.casefold() for pattern in patterns]
    if "*" in folded:
        return None
    exact = frozenset(folded)
    suffixes = tuple(pattern[1:] for pattern in folded if pattern.startswith("*."))

    def matches(name: str) -> bool:
        name = name.casefold()
        return name in exact or name.endswith(suffixes)

    return matches


def login_maker(text: str) -> Callable[[Request], Request | None]:
    """A function that gives a request the login of the template `text`, or None where that would be empty.

    Where the realm is empty, the part from the @ before ``{realm}`` on is dropped: ``{user}@{realm}`` is the user.
    """
    if text == "{user}":
        return lambda request: request
    with_realm = Template(text, LOGIN_NAMES)
    before_realm, has_realm, _ = text.partition("{realm}")
    at = before_realm.rfind("@")
    without_realm = Template(text[:at], LOGIN_NAMES) if has_realm and at >= 0 else with_realm

    def with_login(request: Request) -> Request | None:
        template = with_realm if request.realm else without_realm
        values = {"user": request.user, "realm": request.realm, "service": request.service}
        login = template.render(values)
        return replace(request, login=login) if login else None

    return with_login
