"""Serves pages over HTTP on the front's loop: the metrics, the health, and what else stands in the table of pages."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from authd.decide.chain import where_raised
from authd.observe.http import MAX_HEAD, HttpError, Reply, decode, encode, reply_to
from authd.server.reception import Reception

MAX_CALLERS = 32  # at once; a newcomer takes the place of the one that came first
DEADLINE = 5.0  # seconds for a caller to say what it wants, and again to take it

Page = Callable[[Mapping[str, str]], Awaitable[Reply]]  # takes the request's headers, their names in lower case

log = logging.getLogger(__name__)


class Exporter:
    """Answers GET and HEAD for the paths in `pages`; a connection is closed behind its answer."""

    def __init__(self, listening: socket.socket, pages: Mapping[str, Page]) -> None:
        """`listening` does not block."""
        self._pages = pages
        self._loop = asyncio.get_running_loop()
        self._making = asyncio.Lock()  # one page at a time: many who ask at once do not get the loop many times over
        self._reception = Reception(listening, self._admit)

    def start(self) -> None:
        self._reception.start()

    def stop(self) -> None:
        """Close all, whatever is under way."""
        self._reception.stop()

    def _admit(self, caller: socket.socket) -> Coroutine[Any, Any, None]:
        if len(self._reception) >= MAX_CALLERS:
            self._reception.drop_oldest()
        return self._serve(caller)

    async def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError):  # it has gone, or took too long
            answer = await self._answer(caller)
            async with asyncio.timeout(DEADLINE):
                await self._loop.sock_sendall(caller, answer)

    async def _answer(self, caller: socket.socket) -> bytes:
        try:
            async with asyncio.timeout(DEADLINE):
                request = decode(await self._head(caller))
            page = self._pages.get(request.path, _not_found)
            return encode(await self._made(page, request.headers), with_body=request.method == "GET")
        except HttpError as error:
            return encode(reply_to(error))

    async def _head(self, caller: socket.socket) -> bytes:
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0 and len(received) <= MAX_HEAD:
            data = await self._loop.sock_recv(caller, MAX_HEAD)
            if not data:
                raise ConnectionResetError
            received += data
        if not 0 <= end <= MAX_HEAD:
            raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return bytes(received[:end])

    async def _made(self, page: Page, headers: Mapping[str, str]) -> Reply:
        try:
            async with self._making:
                return await page(headers)
        except Exception as error:
            log.error("metrics: %s", where_raised(error))  # noqa: TRY400  # its text may quote what was sent
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR) from None


async def _not_found(_: Mapping[str, str]) -> Reply:
    return reply_to(HttpError(HTTPStatus.NOT_FOUND))
