"""A backend on an event loop of the test's own, within the network of a box."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from authd_backends import LoopBackend, Outcome, Request, Secret, Unavailable, Verdict
from authd_backends.options import build
from authd_backends.registry import backend_type
from tests.servers.box import Box
from tests.servers.process import DEADLINE

Ask = Callable[..., Verdict]


def loop_backend(kind: str, options: Mapping[str, object]) -> LoopBackend:
    """Make a backend from a table as it stands in authd.toml."""
    made = backend_type(kind)
    backend: LoopBackend = made(build(made.options_type, options))
    return backend


@contextmanager
def asking(box: Box, kind: str, options: Mapping[str, object]) -> Iterator[Ask]:
    """Start a backend and give a function that asks it; its server may be out."""
    backend = loop_backend(kind, options)
    with box.network(), asyncio.Runner() as runner:

        def ask(user: str, password: str = "secret", **others: Any) -> Verdict:
            return runner.run(backend.check(Request(user, Secret(password.encode()), **others)))

        with suppress(Unavailable):
            backend.start()
        try:
            yield ask
        finally:
            backend.close()


def start_and_close(box: Box, kind: str, options: Mapping[str, object]) -> None:
    """Start a backend for what its start may raise."""
    backend = loop_backend(kind, options)
    with box.network():
        try:
            backend.start()
        finally:
            backend.close()


class Login(NamedTuple):
    outcome: Outcome
    reason: str
    seconds: float


class Crowd:
    """Clients who log in with the right password, one login after the other, while things happen to the server."""

    def __init__(self, backend: LoopBackend, login: str, password: str) -> None:
        self._backend = backend
        self._request = Request(login, Secret(password.encode()))
        self.logins: list[Login] = []

    @contextmanager
    def at_work(self, clients: int) -> Iterator[None]:
        """Log in all the while. Each outage is followed by a short pause, or it would be all that is heard."""
        tasks = [asyncio.create_task(self._log_in()) for _ in range(clients)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def wait_for(self, outcome: Outcome, times: int = 20) -> None:
        """Return when so many further logins, one after another, have ended so."""
        start, end = len(self.logins), time.monotonic() + DEADLINE
        while sum(login.outcome is outcome for login in self.logins[start:][-times:]) < times:
            assert time.monotonic() < end, f"expected {outcome} within {DEADLINE:g} s, got {self.logins[-3:]}"
            await asyncio.sleep(0.01)

    async def _log_in(self) -> None:
        while True:
            began = time.monotonic()
            verdict = await self._backend.check(self._request)
            self.logins.append(Login(verdict.outcome, verdict.reason, time.monotonic() - began))
            await asyncio.sleep(0.05 if verdict.outcome is Outcome.UNAVAILABLE else 0)


def on_loop(box: Box, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in the network of a box."""
    with box.network():
        asyncio.run(story())
