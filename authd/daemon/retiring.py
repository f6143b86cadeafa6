"""Backends that no route asks any more: closed when what they were asked is done."""

import asyncio
import logging
from collections.abc import Iterable

from authd.decide.queue import BackendQueue
from authd.server.pieces import BackendAtWork
from authd_backends.contract import Placement

log = logging.getLogger(__name__)

PATIENCE = 60.0  # seconds for the last checks; what hangs longer is left alone
PAUSE = 0.1  # seconds between two looks


class Retiring:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def retire(self, backends: Iterable[BackendAtWork]) -> None:
        """Close these when they have nothing more to do."""
        for backend in backends:
            task = asyncio.get_running_loop().create_task(_close(backend))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _close(backend: BackendAtWork) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await _rest(backend.queue)
    except TimeoutError:
        log.warning("backend %s: its last checks hang: left as it is", backend.settings.name)
        return
    if backend.placement is Placement.THREAD:
        await asyncio.to_thread(backend.close)
    else:
        backend.close()


async def _rest(queue: BackendQueue | None) -> None:
    while queue is not None and (queue.running or queue.queued):  # noqa: ASYNC110  # nobody tells when it rests
        await asyncio.sleep(PAUSE)
