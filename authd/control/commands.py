"""Each command of the control socket to its answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from authd.config.errors import ConfigError
from authd.control import tables
from authd.control.explain import explain
from authd.control.messages import (
    ClearThrottled,
    Command,
    Drain,
    Explain,
    Failure,
    Flush,
    ListThrottled,
    Reload,
    Status,
    failed,
)
from authd.control.status import status, throttled
from authd.server.pieces import Pieces
from authd.unix.sockets import SocketError

log = logging.getLogger(__name__)

ANSWERED = 0.1  # seconds for an answer to be out before the end begins


class Commands:
    """What an operator may ask of a front."""

    def __init__(
        self, pieces: Callable[[], Pieces], reload: Callable[[], Awaitable[list[str]]], drain: Callable[[], None]
    ) -> None:
        """`pieces` gives those at work now; `reload` takes up another configuration, or raises why not."""
        self._pieces = pieces
        self._reload = reload
        self._drain = drain

    async def answer(self, command: Command) -> dict[str, Any]:
        """Do what is asked. Raises MessageError for a field that cannot be used."""
        match command:
            case Status():
                return await status(self._pieces())
            case Flush():
                forgotten = await tables.flush(self._pieces().steps.cache, command.user)
                log.info("control: flushed %d entries of the cache", forgotten)
                return {"forgotten": forgotten}
            case ListThrottled():
                return await throttled(self._pieces())
            case ClearThrottled():
                cleared = await tables.clear(self._pieces().steps.throttle, command.name)
                log.info("control: cleared %d counts of the throttle", cleared)
                return {"cleared": cleared}
            case Explain():
                return await explain(self._pieces(), command)
            case Reload():
                return await self._reloaded()
            case Drain():
                log.info("control: told to end")
                asyncio.get_running_loop().call_later(ANSWERED, self._drain)
                return {"connections": len(self._pieces().connections)}

    async def _reloaded(self) -> dict[str, Any]:
        try:
            return {"warnings": await self._reload()}
        except (ConfigError, SocketError) as error:
            log.error("control: goes on as before: %s", error)  # noqa: TRY400
            return failed(str(error), Failure.UNUSABLE)
