"""An open connection on the event loop, one operation at a time."""

import asyncio
import os
import select
from collections.abc import Callable
from typing import Any, NamedTuple

import ldap

from authd_backends.ldap.opening import Handle, close, is_answer
from authd_backends.ldap.outcomes import RESPONSE_CONTROLS

Send = Callable[[Handle], int]  # sends an operation and gives its message id


class Answer(NamedTuple):
    entries: list[tuple[str, dict[str, list[bytes]]]]
    controls: list[Any]


class Connection:
    """Operations are sent and their answers read without waiting: the loop tells when there is something to read."""

    def __init__(self, handle: Handle, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self.loop = loop
        self._message: int | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self.is_open = True
        self.is_fresh = True  # nothing was asked yet
        self.idle_since = loop.time()
        self._descriptor: int = handle.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        os.set_blocking(self._descriptor, False)  # libldap would wait for the rest of an answer that began
        loop.add_reader(self._descriptor, self._readable)

    async def ask(self, send: Send, seconds: float) -> Answer:
        """Send an operation and await its answer.

        Raises ldap.LDAPError: what the server answered, or why it did not within so many seconds. The connection is
        closed behind whatever is not an answer, and where nobody waits any more.
        """
        self.is_fresh = False
        self._answer = self.loop.create_future()
        expiry = self.loop.call_later(seconds, self._fail, ldap.TIMEOUT({"desc": f"no answer within {seconds:g} s"}))
        try:
            self._message = send(self._handle)
            return await self._answer
        except ldap.LDAPError as error:
            if not is_answer(error):
                self.close()
            raise
        except BaseException:
            self.close()
            raise
        finally:
            expiry.cancel()
            self._message = self._answer = None
            self.idle_since = self.loop.time()

    def is_quiet(self) -> bool:
        """Whether there is nothing to read: on an idle connection that would be its end."""
        return self.is_open and not self._poll.poll(0)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.loop.remove_reader(self._descriptor)
            close(self._handle)

    def _readable(self) -> None:
        if self._message is None or self._answer is None:
            self.close()  # nothing was asked: the server says goodbye
            return
        try:
            kind, data, controls = self._result()
            if kind is None:  # only a part: the entry and the end of a search come one right behind the other
                kind, data, controls = self._result()
        except ldap.LDAPError as error:
            if not is_answer(error):
                self.close()  # libldap has closed the socket: its number is about to be another's
            self._fail(error)
            return
        if kind is not None and not self._answer.done():
            self._answer.set_result(Answer([(dn, found) for dn, found in data or () if dn is not None], controls))

    def _result(self) -> tuple[int | None, list[Any] | None, list[Any]]:
        """Give the answer's kind, None while it is not whole, its entries and its controls."""
        kind, data, _, controls = self._handle.result3(
            self._message, all=1, timeout=0, resp_ctrl_classes=RESPONSE_CONTROLS
        )
        return kind, data, controls

    def _fail(self, error: ldap.LDAPError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
