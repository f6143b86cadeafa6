from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import RouteSettings
from authd.decide.chain import Chain
from authd.decide.decision import Arrival
from authd.decide.route import first_match, login_maker, route_of
from authd_backends import Request, Secret

CHAIN = Chain([])


def arrival(service: str = "smtp", realm: str = "", listener: str = "/run/saslauthd/mux") -> Arrival:
    return Arrival(Request("alice", Secret(b"x"), realm=realm, service=service), listener, "saslauthd", 0.0)


def takes(settings: RouteSettings, request: Arrival) -> bool:
    return first_match([route_of(settings, 1, CHAIN)], request) is not None


def test_a_route_that_names_nothing_takes_everything() -> None:
    assert takes(RouteSettings(backends=()), arrival("", "", "/elsewhere"))


@pytest.mark.parametrize(
    ("patterns", "realm", "taken"),
    [
        (("example.org",), "example.org", True),
        (("example.org",), "EXAMPLE.org", True),
        (("Example.Org",), "example.org", True),
        (("example.org",), "sub.example.org", False),
        (("example.org",), "", False),
        (("*.example.org",), "sub.Example.org", True),
        (("*.example.org",), "a.b.example.org", True),
        (("*.example.org",), "example.org", False),
        (("*.example.org",), "badexample.org", False),
        (("",), "", True),
        (("*",), "", True),
        (("*",), "anything", True),
        (("a", "*.b"), "x.b", True),
        ((), "example.org", False),
    ],
)
def test_realms_are_exact_names_suffixes_or_all_without_case(
    patterns: tuple[str, ...], realm: str, taken: bool
) -> None:
    assert takes(RouteSettings(backends=(), realms=patterns), arrival(realm=realm)) is taken
    assert takes(RouteSettings(backends=(), services=patterns), arrival(service=realm)) is taken


def test_a_listener_is_the_path_of_its_socket() -> None:
    route = RouteSettings(backends=(), listeners=(Path("/run/saslauthd/mux"),))

    assert takes(route, arrival(listener="/run/saslauthd/mux"))
    assert not takes(route, arrival(listener="/var/spool/postfix/run/mux"))


def test_the_first_route_that_takes_a_request_is_its_route() -> None:
    routes = [
        route_of(RouteSettings(name="imap", backends=(), services=("imap",)), 1, CHAIN),
        route_of(RouteSettings(backends=(), realms=("example.org",)), 2, CHAIN),
        route_of(RouteSettings(name="rest", backends=()), 3, CHAIN),
    ]

    def name(request: Arrival) -> str | None:
        route = first_match(routes, request)
        return None if route is None else route.name

    assert name(arrival("imap", "example.org")) == "imap"
    assert name(arrival("smtp", "example.org")) == "2"
    assert name(arrival("smtp")) == "rest"
    assert first_match(routes[:1], arrival("smtp")) is None


@pytest.mark.parametrize(
    ("template", "user", "realm", "login"),
    [
        ("{user}", "alice", "example.org", "alice"),
        ("{user}@{realm}", "alice", "example.org", "alice@example.org"),
        ("{user}@{realm}", "alice", "", "alice"),
        ("{user}@mail.{realm}", "alice", "", "alice"),
        ("{user}@example.org", "alice", "", "alice@example.org"),
        ("{realm}/{user}", "alice", "", "/alice"),
        ("{service}-{user}", "alice", "", "smtp-alice"),
        ("{{{user}}}", "alice", "", "{alice}"),
        ("{user}@{realm}", "{realm}", "{user}", "{realm}@{user}"),
    ],
)
def test_the_login_is_made_of_user_and_realm(template: str, user: str, realm: str, login: str) -> None:
    request = Request(user, Secret(b"x"), realm=realm, service="smtp")

    made = login_maker(template)(request)

    assert made is not None
    assert made.login == login


def test_a_template_that_makes_nothing_of_a_request_makes_no_login() -> None:
    assert login_maker("{realm}")(Request("alice", Secret(b"x"))) is None


@given(st.text(), st.text())
def test_what_a_client_sends_stands_in_the_login_as_it_is(user: str, realm: str) -> None:
    request = Request(user, Secret(b"x"), realm=realm)

    made = login_maker("{user}@{realm}")(request)

    if not (user or realm):
        assert made is None
        return
    assert made is not None
    assert made.login == (f"{user}@{realm}" if realm else user)
    assert (made.user, made.realm, made.password) == (request.user, request.realm, request.password)
