"""The LDAP backend in a test's own process, in the network of a box."""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from authd_backends import LoopBackend, Request, Secret, Verdict
from authd_backends.ldap.backend import LdapBackend
from authd_backends.ldap.options import LdapOptions
from authd_backends.options import build
from tests.servers.asking import loop_backend
from tests.servers.box import Box
from tests.servers.outages import Place
from tests.servers.process import DEADLINE
from tests.servers.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX, Slapd, person

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


class LdapSite:
    """Two slapd, with a user alice at both: see `tests.servers.sites`."""

    places: tuple[Place, Place] = (("127.0.0.1", 389), ("127.0.0.2", 389))

    def __init__(self, box: Box) -> None:
        self.box = box
        self.first, self.second = (self._started(address) for address, _ in self.places)
        self.nearest = self.first.uri

    def _started(self, address: str, descriptors: int = 1024) -> Slapd:
        server = Slapd(self.box, person("alice", "secret"), address=address, descriptors=descriptors)
        server.start()
        return server

    def host(self, place: Place) -> str:
        return f"ldap://{place[0]}:{place[1]}"

    def backend(self, *hosts: str, **options: object) -> LoopBackend:
        deadlines = {"connect_deadline": "1s", "operation_deadline": "1s"}
        return loop_backend("ldap", {"uris": list(hosts), **USUAL, **deadlines, **options})

    def logins(self, server: Any) -> int:
        count: int = server.log.count(f'BIND dn="uid=alice,{PEOPLE}" method')
        return count

    def connections_made(self) -> int:
        return self.first.log.count("ACCEPT from IP=")

    def open_connections(self) -> int:
        return self.connections_made() - len(re.findall(r"fd=\d+ closed", self.first.log))

    @contextmanager
    def few_connections(self) -> Iterator[str]:
        server = self._started("127.0.0.9", descriptors=20)
        yield server.uri
        server.stop()
