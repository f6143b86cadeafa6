import pytest

from authd.config.settings import CacheSettings, RouteSettings
from authd.decide import owners
from authd.decide.asked import Asked
from authd.decide.chain import Chain
from authd.decide.decision import Arrival
from authd.decide.digest import LONGEST_NAMES, identity
from authd.decide.route import Route, route_of
from authd_backends import Outcome, Request, Secret
from tests.unit.decide.pieces import Clock, Pieces

ROUTE: Route = route_of(RouteSettings(backends=()), 1, Chain([]))


class Users:
    def __init__(self) -> None:
        self.steps = Pieces(Clock(), CacheSettings()).steps()
        self.owners = self.steps.owners

    def asked(self, password: str = "right", user: str = "alice", service: str = "imap") -> Asked:
        request = Request(user, Secret(password.encode()), "", service)
        who = identity(ROUTE.fingerprint, request, with_client=False)
        digest = self.steps.digester.digest(who, request)
        return Asked(Arrival(request, "/mux", "saslauthd", 0.0), request, ROUTE, user.lower(), who, digest)

    def comes_in(self, asked: Asked, outcome: Outcome = Outcome.ACCEPTED) -> None:
        self.steps.cache.remember(asked.identity, asked.digest, outcome, None, ("users", "test"), asked.name)
        self.owners.note(asked)


def test_the_last_password_counts_for_every_service_and_spelling_and_no_other_does() -> None:
    users = Users()
    users.comes_in(users.asked())

    for other in (users.asked(service="pop"), users.asked(user="ALICE")):
        assert users.owners.are_known_of(other)
        assert users.owners.include(other)
    assert not users.owners.include(users.asked("wrong", service="pop"))
    assert not users.owners.are_known_of(users.asked(user="bob"))
    assert not users.owners.include(users.asked(user="bob"))


def test_what_the_cache_has_forgotten_is_known_no_more() -> None:
    users = Users()
    users.comes_in(users.asked())

    users.steps.cache.flush()

    assert not users.owners.are_known_of(users.asked(service="pop"))
    assert not users.owners.include(users.asked(service="pop"))


def test_it_does_not_grow_and_the_longest_absent_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MAX_OWNERS", 2)
    users = Users()
    for user in ("alice", "bob", "alice", "carol", "x" * LONGEST_NAMES):
        users.comes_in(users.asked(user=user))

    known = [user for user in ("alice", "bob", "carol") if users.owners.include(users.asked(user=user, service="pop"))]

    assert known == ["alice", "carol"]
