"""The conformance cases catch the backends that they are there for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from authd_backends import conformance
from authd_backends.contract import AnyBackend, Outcome, Placement, Request, Secret, Verdict
from authd_backends.errors import Unavailable

Answer = Callable[["Store", Request], Verdict]


@dataclass
class Store:
    """A store in memory: a user's password, there or away."""

    password: bytes = b"correct horse"
    away: bool = False
    changes: int = 0


def faithful(store: Store, request: Request) -> Verdict:
    if store.away:
        return Verdict(Outcome.UNAVAILABLE, "away")
    if request.login != "alice":
        return Verdict(Outcome.UNKNOWN_USER)
    right = request.password == Secret(store.password)
    return Verdict(Outcome.ACCEPTED if right else Outcome.WRONG_PASSWORD)


class ThreadBackend:
    options_type: ClassVar[type] = Store
    placement: ClassVar = Placement.THREAD
    hashes_passwords: ClassVar = False

    def __init__(self, options: Store, answer: Answer = faithful) -> None:
        self._store = options
        self._answer = answer

    def start(self) -> None:
        if self._store.away:
            raise Unavailable("away")

    def check(self, request: Request) -> Verdict:
        return self._answer(self._store, request)

    def close(self) -> None:
        pass

    def generation(self) -> int:
        return self._store.changes


class AwaitedBackend:
    options_type: ClassVar[type] = Store
    placement: ClassVar = Placement.LOOP
    hashes_passwords: ClassVar = False

    def __init__(self, options: Store) -> None:
        self._store = options

    def start(self) -> None:
        pass

    async def check(self, request: Request) -> Verdict:
        return faithful(self._store, request)

    def close(self) -> None:
        pass

    def generation(self) -> None:
        return None


class Installation:
    login = "alice"
    realm = ""
    password = b"correct horse"

    def __init__(self, make: Callable[[Store], AnyBackend]) -> None:
        self.store = Store()
        self._make = make

    def backend(self) -> AnyBackend:
        return self._make(self.store)

    def set_password(self, password: bytes) -> None:
        self.store.password = password
        self.store.changes += 1

    def take_away(self) -> None:
        self.store.away = True

    def bring_back(self) -> None:
        self.store.away = False


class ProbedBackend(ThreadBackend):
    def probe(self) -> None:
        self.start()


class HopefulBackend(ThreadBackend):
    def probe(self) -> None:
        """All is well, whatever happens."""


def answering(answer: Callable[[Store, Request], Any]) -> Callable[[Store], AnyBackend]:
    return lambda store: ThreadBackend(store, answer)


@pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
@pytest.mark.parametrize("make", [ThreadBackend, AwaitedBackend, ProbedBackend])
def test_a_faithful_backend_passes(case: conformance.Case, make: Callable[[Store], AnyBackend]) -> None:
    case(Installation(make))


def accepting(store: Store, request: Request) -> Verdict:
    return Verdict(Outcome.ACCEPTED)


def refusing_while_away(store: Store, request: Request) -> Verdict:
    return Verdict(Outcome.UNKNOWN_USER) if store.away else faithful(store, request)


def telling_unknown_users_from_wrong_passwords(store: Store, request: Request) -> Verdict:
    verdict = faithful(store, request)
    return Verdict(Outcome.WRONG_PASSWORD) if verdict.outcome is Outcome.UNKNOWN_USER else verdict


def cutting_at_the_nul(store: Store, request: Request) -> Verdict:
    password = Secret(request.password.reveal().partition(b"\0")[0])
    return faithful(store, Request(request.login, password))


def quoting_the_password(store: Store, request: Request) -> Verdict:
    verdict = faithful(store, request)
    return Verdict(verdict.outcome, f"{request.password.reveal()!r} is {verdict.outcome.value}")


def raising_at_bytes(store: Store, request: Request) -> Verdict:
    request.login.encode()
    return faithful(store, request)


@pytest.mark.parametrize(
    ("answer", "case", "error"),
    [
        (accepting, conformance.a_wrong_password_is_refused, AssertionError),
        (accepting, conformance.an_empty_password_is_never_accepted, AssertionError),
        (refusing_while_away, conformance.a_store_that_is_gone_is_an_outage_and_comes_back, AssertionError),
        (telling_unknown_users_from_wrong_passwords, conformance.an_unknown_user_is_unknown, AssertionError),
        (cutting_at_the_nul, conformance.hostile_passwords_are_refused, AssertionError),
        (quoting_the_password, conformance.no_answer_holds_a_password, AssertionError),
        (raising_at_bytes, conformance.hostile_names_and_realms_are_refused, UnicodeEncodeError),
    ],
)
def test_an_unfaithful_backend_is_caught(answer: Answer, case: conformance.Case, error: type[Exception]) -> None:
    with pytest.raises(error):
        case(Installation(answering(answer)))


def test_a_probe_that_tells_of_no_outage_is_caught() -> None:
    with pytest.raises(AssertionError, match="expected Unavailable"):
        conformance.a_probe_tells_whether_the_store_is_there(Installation(HopefulBackend))


def test_no_failure_shows_a_password() -> None:
    with pytest.raises(AssertionError) as caught:
        conformance.no_answer_holds_a_password(Installation(answering(quoting_the_password)))

    assert str(caught.value) == "expected no password, got one"
