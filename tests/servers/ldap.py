"""The LDAP backend in a test's own process, in the network of a box."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from authd_backends import Request, Secret, Verdict
from authd_backends.ldap.backend import LdapBackend
from authd_backends.ldap.options import LdapOptions
from authd_backends.options import build
from tests.servers.box import Box
from tests.servers.process import DEADLINE
from tests.servers.slapd import SERVICE, SERVICE_PASSWORD, SUFFIX

T = TypeVar("T")

USUAL: dict[str, Any] = {"bind_dn": SERVICE, "password": SERVICE_PASSWORD, "base": SUFFIX}


class Asking:
    """A backend on a loop of its own."""

    def __init__(self, backend: LdapBackend, runner: asyncio.Runner) -> None:
        self.backend = backend
        self._runner = runner

    def check(self, login: str, password: str, realm: str = "", service: str = "smtp") -> Verdict:
        request = Request(login, Secret(password.encode("utf-8", "surrogateescape")), realm, service)
        return self.run(self.backend.check(request))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def within() -> T:
            async with asyncio.timeout(DEADLINE):
                return await work

        return self._runner.run(within())


@contextmanager
def asking(box: Box, *uris: str, started: bool = True, **options: Any) -> Iterator[Asking]:
    """Start a backend with the service account of `slapd`, unless other options say otherwise, and close it."""
    table = {"uris": list(uris), **({} if "saslauthd_conf" in options else USUAL), **options}
    with box.network(), asyncio.Runner() as runner:
        backend = LdapBackend(build(LdapOptions, {key: value for key, value in table.items() if value is not None}))
        if started:
            backend.start()
        try:
            yield Asking(backend, runner)
        finally:
            backend.close()
