"""The servers of a directory: each operation goes to the one that is to be asked now."""

import asyncio
import random
import time
from functools import partial

import ldap

from authd_backends.errors import Unavailable
from authd_backends.failover import Failover
from authd_backends.ldap.connection import Answer, Send
from authd_backends.ldap.opening import Role, is_answer, opened
from authd_backends.ldap.options import LdapOptions
from authd_backends.ldap.outcomes import described
from authd_backends.ldap.pool import Pool

_TELLING = 0.25  # seconds without an answer, from which on the end of a check that was given up says something


class _NoAnswer(Unavailable):
    """A server did not answer, or only that it cannot."""

    def __init__(self, problem: str, *, was_asked: bool) -> None:
        super().__init__(problem)
        self.was_asked = was_asked


class Directory:
    """Servers in the order of preference, with a pool for each role."""

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        self._failover: Failover[str] = Failover(options.uris, time.monotonic, random.SystemRandom().random)
        self._pools = {
            (uri, role): Pool(uri, partial(opened, uri, role, options)) for uri in options.uris for role in Role
        }
        self._probes: set[asyncio.Task[None]] = set()

    async def read(self, send: Send) -> Answer:
        """Have the service account do what may be done twice: a server that gives no answer is followed by the next.

        Raises Unavailable where none gives any; ldap.LDAPError is an answer.
        """
        return await self._ask(Role.SERVICE, send, is_repeatable=True)

    async def bind(self, send: Send) -> Answer:
        """Have a user bind, as `read`, but once: where one server got his password, none gets it again."""
        return await self._ask(Role.USER, send, is_repeatable=False)

    def close(self) -> None:
        for probe in self._probes:
            probe.cancel()
        for pool in self._pools.values():
            pool.close()

    async def _ask(self, role: Role, send: Send, *, is_repeatable: bool) -> Answer:
        problem = "no server answers; the next probe is due within seconds"
        tried: set[str] = set()
        while (uri := await self._next(role, tried)) is not None:
            try:
                return await self._ask_server(uri, role, send, is_repeatable=is_repeatable)
            except _NoAnswer as error:
                if error.was_asked and not is_repeatable:
                    raise
                problem = str(error)
            tried.add(uri)
        raise Unavailable(problem)

    async def _ask_server(self, uri: str, role: Role, send: Send, *, is_repeatable: bool) -> Answer:
        """Ask this one, and tell the policy how it went. Raises _NoAnswer, or ldap.LDAPError that is an answer."""
        pool, began, was_asked = self._pools[uri, role], time.monotonic(), False
        try:
            while True:
                connection = await pool.take(self._options.connect_deadline)
                was_kept, was_asked = not connection.is_fresh, True
                try:
                    answer = await connection.ask(send, self._options.operation_deadline)
                except ldap.SERVER_DOWN:
                    if not (was_kept and is_repeatable):
                        raise
                    pool.drop_idle()  # the server, or a firewall, has forgotten them all
                    continue
                finally:
                    pool.give_back(connection)
                self._failover.succeeded(uri)
                return answer
        except ldap.LDAPError as error:
            if is_answer(error) and not isinstance(error, ldap.BUSY | ldap.UNAVAILABLE):
                self._failover.succeeded(uri)
                raise
            self._failover.failed(uri, began)
            raise _NoAnswer(f"{uri}: {described(error)}", was_asked=was_asked) from error
        except Unavailable as error:
            self._failover.failed(uri, began)
            raise _NoAnswer(str(error), was_asked=was_asked) from error
        except asyncio.CancelledError:
            if time.monotonic() - began > _TELLING:
                self._failover.failed(uri, began)
            raise

    async def _next(self, role: Role, tried: set[str]) -> str | None:
        """Choose a server. One that was dead is probed beside the login, which waits for it only if no other is there.

        A server that comes back is the first one again, and a login must not pay for the look whether it is.
        """
        uri = self._failover.choose(tried)
        if uri is None or not self._failover.is_dead(uri):
            return uri
        probe = asyncio.create_task(self._probe(uri, role))
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)
        other = await self._next(role, tried | {uri})
        if other is not None:
            return other
        await asyncio.shield(probe)
        return None if self._failover.is_dead(uri) else uri

    async def _probe(self, uri: str, role: Role) -> None:
        """Open a connection, which a server that hangs does not give."""
        pool, began = self._pools[uri, role], time.monotonic()
        pool.drop_idle()
        try:
            connection = await pool.take(self._options.connect_deadline)
        except Unavailable:
            self._failover.failed(uri, began)
        else:
            self._failover.succeeded(uri)
            pool.give_back(connection)
