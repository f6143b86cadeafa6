"""What every backend has to do, as cases that anybody's test suite can run on a backend of its own.

With pytest, where ``Installation`` is your class that sets up a private store::

    @pytest.mark.parametrize("case", conformance.cases(), ids=lambda case: case.__name__)
    def test_conforms(case: conformance.Case, tmp_path: Path) -> None:
        case(Installation(tmp_path))

A case raises AssertionError with what was expected; it needs no test framework.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from authd_backends.contract import AnyBackend, Outcome, Placement, Probed, Request, Secret, Verdict
from authd_backends.errors import Unavailable


class Installation(Protocol):
    """A store of the test's own, with one user in it. Each case gets a fresh one."""

    login: str  # of the user
    realm: str  # which the client sends for him; may be empty
    password: bytes  # his; at least 8 bytes

    def backend(self) -> AnyBackend:
        """Make a backend of the store, not started."""

    def set_password(self, password: bytes) -> None:
        """Change the user's password in the store, as its own tools do."""

    def take_away(self) -> None:
        """Make the store go: move the file, stop the server."""

    def bring_back(self) -> None:
        """Bring it back as it was."""


Case = Callable[[Installation], None]

RETURN = 30.0  # seconds within which a store that is back has to be found, on however busy a machine
REFUSALS = {Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER, Outcome.DISABLED, Outcome.EXPIRED}

HOSTILE_NAMES = (
    "",
    "\0",
    "nobody\0",
    "nobody\n",
    "nobody\r\nQUIT",
    "no:body",
    "#",
    "*)(uid=*",
    "' OR '1'='1",
    "../../etc/passwd",
    "{user}%u%s",
    "\udcff\udc80",  # bytes that are not UTF-8, as surrogateescape gives them
    "\N{COMBINING ACUTE ACCENT}" * 100,
    "x" * 8000,
)
HOSTILE_PASSWORDS = (b"\0", b"\n", b"\xff\x80", b"%s{user}", b"*", b"!", b"x" * 8000)


def cases() -> tuple[Case, ...]:
    """All cases; the name of each is a sentence."""
    return (
        the_right_password_is_accepted,
        a_wrong_password_is_refused,
        an_unknown_user_is_unknown,
        an_empty_password_is_never_accepted,
        hostile_names_and_realms_are_refused,
        hostile_passwords_are_refused,
        a_store_that_is_gone_is_an_outage_and_comes_back,
        a_store_that_was_gone_at_the_start_comes_back,
        a_probe_tells_whether_the_store_is_there,
        a_new_password_counts_at_once,
        the_generation_changes_with_the_store,
        no_answer_holds_a_password,
        closing_twice_is_closing_once,
        threads_do_not_disturb_each_other,
    )


def the_right_password_is_accepted(installation: Installation) -> None:
    with _running(installation) as ask:
        _expect(ask(_right(installation)), Outcome.ACCEPTED)


def a_wrong_password_is_refused(installation: Installation) -> None:
    with _running(installation) as ask:
        for wrong in (b"wrong", installation.password[:-1], installation.password + b"x"):
            _expect(ask(_right(installation, wrong)), Outcome.WRONG_PASSWORD)


def an_unknown_user_is_unknown(installation: Installation) -> None:
    with _running(installation) as ask:
        for login in ("nobody", installation.login[:-1], installation.login + "x"):
            request = Request(login, Secret(installation.password), realm=installation.realm)
            _expect(ask(request), Outcome.UNKNOWN_USER)


def an_empty_password_is_never_accepted(installation: Installation) -> None:
    with _running(installation) as ask:
        _expect(ask(_right(installation, b"")), *REFUSALS)
        _expect(ask(Request("nobody", Secret(b""))), *REFUSALS)


def hostile_names_and_realms_are_refused(installation: Installation) -> None:
    """Refused, and not an outage: it would tell clients to come again."""
    with _running(installation) as ask:
        for name in HOSTILE_NAMES:
            secret = Secret(installation.password)
            _expect(ask(Request(name, secret, realm=installation.realm)), *REFUSALS)
            _expect(ask(Request("nobody", secret, realm=name)), *REFUSALS)


def hostile_passwords_are_refused(installation: Installation) -> None:
    with _running(installation) as ask:
        for password in HOSTILE_PASSWORDS:
            _expect(ask(_right(installation, password)), *REFUSALS)
            _expect(ask(_right(installation, installation.password + b"\0" + password)), *REFUSALS)


def a_store_that_is_gone_is_an_outage_and_comes_back(installation: Installation) -> None:
    with _running(installation) as ask:
        _expect(ask(_right(installation)), Outcome.ACCEPTED)
        installation.take_away()
        for request in (_right(installation), _right(installation, b"wrong"), Request("nobody", Secret(b"wrong"))):
            verdict = ask(request)
            _expect(verdict, Outcome.UNAVAILABLE)
            assert verdict.reason, "expected a reason for the operator, got none"
        installation.bring_back()
        _expect_soon(ask, _right(installation), Outcome.ACCEPTED)


def a_store_that_was_gone_at_the_start_comes_back(installation: Installation) -> None:
    installation.take_away()
    with _running(installation) as ask:
        _expect(ask(_right(installation)), Outcome.UNAVAILABLE)
        installation.bring_back()
        _expect_soon(ask, _right(installation), Outcome.ACCEPTED)


def a_probe_tells_whether_the_store_is_there(installation: Installation) -> None:
    """Of a backend that has one."""
    backend = installation.backend()
    if not isinstance(backend, Probed):
        return
    with _at_work(backend) as awaited:
        awaited(backend.probe())
        installation.take_away()
        with suppress(Unavailable):
            awaited(backend.probe())
            raise AssertionError("probe: expected Unavailable of a store that is gone, got nothing")
        installation.bring_back()
        end = time.monotonic() + RETURN
        while time.monotonic() < end:
            with suppress(Unavailable):
                awaited(backend.probe())
                return
            time.sleep(0.05)
        awaited(backend.probe())


def a_new_password_counts_at_once(installation: Installation) -> None:
    old, new = installation.password, b"a new password"
    with _running(installation) as ask:
        _expect(ask(_right(installation, old)), Outcome.ACCEPTED)
        installation.set_password(new)
        _expect(ask(_right(installation, old)), Outcome.WRONG_PASSWORD)
        _expect(ask(_right(installation, new)), Outcome.ACCEPTED)


def the_generation_changes_with_the_store(installation: Installation) -> None:
    """None, which is for a store that cannot tell, stays None."""
    backend = installation.backend()
    backend.start()
    before = backend.generation()
    assert backend.generation() == before, "expected the same generation of an unchanged store, got another"
    hash(before)
    installation.set_password(b"a new password")
    assert before is None or backend.generation() != before, "expected another generation, got the same"
    backend.close()


def no_answer_holds_a_password(installation: Installation) -> None:
    """Neither the one that was sent nor the one that is stored."""
    sent = b"a-password-that-was-sent"
    hidden = [each.decode("utf-8", "surrogateescape") for each in (sent, installation.password)]
    backend = installation.backend()
    with _asking(backend) as ask:
        logins = (installation.login, "nobody", *HOSTILE_NAMES)
        answers = [ask(Request(login, Secret(sent), realm=installation.realm)) for login in logins]
        installation.take_away()
        answers.append(ask(_right(installation, sent)))
    texts = [repr(backend), *map(repr, answers)]
    assert not any(secret in text for secret in hidden for text in texts), "expected no password, got one"


def closing_twice_is_closing_once(installation: Installation) -> None:
    installation.backend().close()  # one that was never started
    backend = installation.backend()
    with _asking(backend) as ask:
        ask(_right(installation))
        backend.close()


def threads_do_not_disturb_each_other(installation: Installation) -> None:
    """Only backends that are placed on threads are asked on several at once."""
    with _running(installation) as ask, ThreadPoolExecutor(4) as threads:
        if installation.backend().placement is not Placement.THREAD:
            return
        asked = [_right(installation), _right(installation, b"wrong")] * 8
        outcomes = [verdict.outcome for verdict in threads.map(ask, asked)]
        assert outcomes == [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD] * 8, f"got {outcomes}"


def _right(installation: Installation, password: bytes | None = None) -> Request:
    secret = Secret(installation.password if password is None else password)
    return Request(installation.login, secret, realm=installation.realm)


def _expect(verdict: Verdict, *outcomes: Outcome) -> None:
    names = " or ".join(sorted(outcome.name for outcome in outcomes))
    assert verdict.outcome in outcomes, f"expected {names}, got {verdict.outcome.name}: {verdict.reason}"


Ask = Callable[[Request], Verdict]


def _expect_soon(ask: Ask, request: Request, outcome: Outcome) -> None:
    """Ask again for a while: a dead server is left alone between probes, which are seconds apart."""
    end = time.monotonic() + RETURN
    while (verdict := ask(request)).outcome is not outcome and time.monotonic() < end:
        time.sleep(0.05)
    _expect(verdict, outcome)


@contextmanager
def _running(installation: Installation) -> Iterator[Ask]:
    with _asking(installation.backend()) as ask:
        yield ask


@contextmanager
def _asking(backend: AnyBackend) -> Iterator[Ask]:
    with _at_work(backend) as awaited:
        yield lambda request: awaited(backend.check(request))


@contextmanager
def _at_work(backend: AnyBackend) -> Iterator[Callable[[Any], Any]]:
    """Start and close a backend, on one event loop where it is placed there. It may start without its store.

    What comes takes whatever a method has given, and waits for it where it is to be awaited.
    """
    with asyncio.Runner() as runner:
        with suppress(Unavailable):
            backend.start()
        try:
            yield lambda given: runner.run(given) if asyncio.iscoroutine(given) else given
        finally:
            backend.close()
