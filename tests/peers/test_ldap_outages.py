"""slapd half gone: what only LDAP has to get right besides test_outages.py.

Everybody knows his password, so whoever is refused was wronged.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from authd_backends import Outcome, Request, Secret
from authd_backends.ldap.pool import MAX_OPENING
from tests.servers.asking import on_loop
from tests.servers.box import Box
from tests.servers.ldap import LdapSite
from tests.servers.outages import ALICE, black_hole, crowd_on
from tests.servers.process import DEADLINE
from tests.servers.wire import plainly, wire

PACKAGES = ("slapd", "ldap-utils")
RELAY, RELAY_URI = ("127.0.0.8", 389), "ldap://127.0.0.8"


@pytest.fixture(scope="module")
def site(box: Box) -> Iterator[LdapSite]:
    site = LdapSite(box)
    yield site
    site.first.stop()
    site.second.stop()


def test_a_server_that_says_no_word_of_tls_is_left_for_the_next(site: LdapSite) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.6", 636)):
            async with crowd_on(site.backend("ldaps://127.0.0.6", site.first.uri)):
                pass

    on_loop(site.box, story)


def test_connections_are_tried_on_few_threads(site: LdapSite) -> None:
    async def story() -> None:
        before = threading.active_count()
        with black_hole(("127.0.0.5", 389)):
            backend = site.backend("ldap://127.0.0.5", "ldap://127.0.0.7")
            checks = [asyncio.create_task(backend.check(ALICE)) for _ in range(50)]
            await asyncio.sleep(0.1)
            assert 0 < threading.active_count() - before <= 2 * MAX_OPENING
            assert {verdict.outcome for verdict in await asyncio.gather(*checks)} == {Outcome.UNAVAILABLE}
            backend.close()

    on_loop(site.box, story)


def test_half_an_answer_holds_nobody_else(site: LdapSite) -> None:
    """libldap would wait for the rest of it, and the whole loop with it."""

    async def story() -> None:
        held, go_on = asyncio.Event(), asyncio.Event()
        answers = 0

        async def half(data: bytes, writer: asyncio.StreamWriter) -> None:
            nonlocal answers
            answers += 1
            if answers != 2:  # the first is that of the service account's bind, on a thread
                writer.write(data)
                return
            writer.write(data[:5])
            held.set()
            await go_on.wait()
            writer.write(data[5:])

        async with wire(RELAY, site.places[0], plainly, half):
            backend, other = site.backend(RELAY_URI, operation_deadline="30s"), site.backend(site.first.uri)
            check = asyncio.create_task(backend.check(ALICE))
            async with asyncio.timeout(DEADLINE):
                await held.wait()
                assert (await other.check(ALICE)).outcome is Outcome.ACCEPTED
                assert not check.done()
                go_on.set()
                assert (await check).outcome is Outcome.ACCEPTED
            backend.close()
            other.close()

    on_loop(site.box, story)


def test_a_password_that_one_server_got_is_never_sent_again(site: LdapSite) -> None:
    """The first may have counted it: a second try would be the second wrong one."""

    async def story() -> None:
        async def cut_at_the_password(data: bytes, writer: asyncio.StreamWriter) -> None:
            if b"guess" in data:
                raise ConnectionResetError
            writer.write(data)

        async with wire(RELAY, site.places[0], cut_at_the_password, plainly):
            backend = site.backend(RELAY_URI, site.second.uri)
            before = site.logins(site.second)
            verdict = await backend.check(Request("alice", Secret(b"guess")))
            assert verdict.outcome is Outcome.UNAVAILABLE
            assert site.logins(site.second) == before
            assert (await backend.check(ALICE)).outcome is Outcome.ACCEPTED
            backend.close()

    on_loop(site.box, story)
