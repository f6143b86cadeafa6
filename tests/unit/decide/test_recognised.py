from hashlib import blake2b

import pytest

from authd.config.settings import RouteSettings
from authd.decide import recognised
from authd.decide.asked import Asked
from authd.decide.chain import Chain
from authd.decide.decision import Arrival
from authd.decide.digest import identity
from authd.decide.recognised import Recognised
from authd.decide.route import route_of
from authd_backends.contract import Client, Request, Secret

ROUTE = route_of(RouteSettings(backends=()), 1, Chain([]))


def asked(sent: bytes, listener: str = "/mux", client: Client | None = None) -> Asked:
    request = Request("alice", Secret(b"right"), "example.org", "smtp", client=client)
    arrival = Arrival(request, listener, "saslauthd", 1.0, sent)
    return Asked(arrival, request, ROUTE, "alice", identity(ROUTE.fingerprint, request, with_client=False), b"digest")


def test_a_request_is_known_by_its_bytes_at_its_listener() -> None:
    known = Recognised(lambda data: blake2b(data).digest())

    known.add(asked(known.digest_of(b"alice")))

    found = known.get("/mux", known.digest_of(memoryview(b"alice")))
    assert found is not None
    assert (found.request.user, found.name, found.route) == ("alice", "alice", ROUTE)
    assert known.get("/other", known.digest_of(b"alice")) is None
    assert known.get("/mux", known.digest_of(b"alicf")) is None


def test_nothing_of_the_password_is_kept() -> None:
    known = Recognised(bytes)

    known.add(asked(b"alice"))

    found = known.get("/mux", b"alice")
    assert found is not None
    assert not found.request.password
    assert not found.arrival.request.password


def test_one_that_names_the_port_of_its_client_is_not_learned() -> None:
    known = Recognised(bytes)

    known.add(asked(b"alice", client=Client("192.0.2.1", 4711)))

    assert len(known) == 0


def test_it_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognised, "MAX_RECOGNISED", 10)
    known = Recognised(bytes)

    for number in range(25):
        known.add(asked(b"%d" % number))

    assert len(known) <= 10
    assert known.get("/mux", b"24") is not None
