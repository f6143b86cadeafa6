"""Each command of the control socket to its answer."""

import logging
from typing import Any

from authd.control import tables
from authd.control.explain import explain
from authd.control.messages import ClearThrottled, Command, Explain, Flush, ListThrottled, Status
from authd.control.status import status, throttled
from authd.server.pieces import Pieces

log = logging.getLogger(__name__)


class Commands:
    """What an operator may ask of these pieces."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    async def answer(self, command: Command) -> dict[str, Any]:
        """Do what is asked. Raises MessageError for a field that cannot be used."""
        match command:
            case Status():
                return await status(self._pieces)
            case Flush():
                forgotten = await tables.flush(self._pieces.steps.cache, command.user)
                log.info("control: flushed %d entries of the cache", forgotten)
                return {"forgotten": forgotten}
            case ListThrottled():
                return await throttled(self._pieces)
            case ClearThrottled():
                return {"cleared": self._clear(command.name)}
            case Explain():
                return await explain(self._pieces, command)

    def _clear(self, name: str | None) -> int:
        throttle = self._pieces.steps.throttle
        if name is None:
            cleared = throttle.users.forget_all() + throttle.addresses.forget_all()
        else:
            cleared = throttle.forget(name)
        log.info("control: cleared %d counts of the throttle", cleared)
        return cleared
