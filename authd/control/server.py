"""Serves the control socket on the front's loop: a few callers at once, one command each."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from authd.control.access import ADMIN_GROUP, may_ask
from authd.control.messages import (
    MAX_ANSWER,
    MAX_COMMAND,
    Command,
    Failure,
    MessageError,
    decode_command,
    encode_answer,
    failed,
)
from authd.decide.chain import where_raised
from authd.server.reception import Reception
from authd.unix.sockets import peer_credentials

MAX_CALLERS = 8
DEADLINE = 5.0  # seconds for a caller to say what it wants, and again to take the answer
BUSY = failed(f"expected at most {MAX_CALLERS} callers at once", Failure.BUSY)

log = logging.getLogger(__name__)


class ControlServer:
    """Answers root, the daemon's own user and the members of the group of administrators."""

    def __init__(
        self,
        listening: socket.socket,
        answer: Callable[[Command], Awaitable[Mapping[str, Any]]],
        admin_gid: int | None,
    ) -> None:
        """`listening` does not block. What `answer` raises but MessageError is a defect."""
        self._answer = answer
        self._admin_gid = admin_gid
        self._loop = asyncio.get_running_loop()
        self._reception = Reception(listening, self._admit)

    def start(self) -> None:
        self._reception.start()

    def stop(self) -> None:
        """Take in nobody more; who is there is answered, also by the command that stops us."""
        self._reception.close()

    def _admit(self, caller: socket.socket) -> Coroutine[Any, Any, None]:
        return self._serve(caller, is_one_too_many=len(self._reception) >= MAX_CALLERS)

    async def _serve(self, caller: socket.socket, *, is_one_too_many: bool) -> None:
        with suppress(OSError):  # it has gone, or took too long
            answer = BUSY if is_one_too_many else await self._answer_to(caller)
            async with asyncio.timeout(DEADLINE):
                await self._loop.sock_sendall(caller, _bounded(answer))

    async def _answer_to(self, caller: socket.socket) -> Mapping[str, Any]:
        if not may_ask(caller, self._admin_gid):
            who = peer_credentials(caller)
            log.warning("control: refused uid %d, pid %d", who.uid, who.pid)
            expected = f"expected root, the user of authd or a member of {ADMIN_GROUP}"
            return failed(f"{expected}, got uid {who.uid}", Failure.REFUSED)
        try:
            async with asyncio.timeout(DEADLINE):
                command = decode_command(await self._line(caller))
            return await self._done(command)
        except MessageError as error:
            return failed(str(error), Failure.MALFORMED)

    async def _done(self, command: Command) -> Mapping[str, Any]:
        try:
            return await self._answer(command)
        except MessageError:
            raise
        except Exception as error:
            log.error("control: %s", where_raised(error))  # noqa: TRY400  # its text may quote what was sent
            return failed(type(error).__name__, Failure.DEFECT)

    async def _line(self, caller: socket.socket) -> bytes:
        received = bytearray()
        while not received.endswith(b"\n"):
            data = await self._loop.sock_recv(caller, MAX_COMMAND)
            received += data
            if len(received) > MAX_COMMAND:
                raise MessageError(f"expected at most {MAX_COMMAND} bytes, got more")
            if not data:
                raise MessageError("expected a line, got its beginning")
        return bytes(received)


def _bounded(answer: Mapping[str, Any]) -> bytes:
    line = encode_answer(answer)
    if len(line) <= MAX_ANSWER:
        return line
    return encode_answer(failed(f"expected an answer of at most {MAX_ANSWER} bytes, got more", Failure.DEFECT))
