"""Callers of whom there are few: of the control socket and of the metrics."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

PAUSE = 0.1  # seconds without accepting when the system has nothing left to accept with


class Reception:
    """Accepts on the loop, and has each caller served in a task, behind which the connection is closed."""

    def __init__(self, listening: socket.socket, serve: Callable[[socket.socket], Coroutine[Any, Any, None]]) -> None:
        """`listening` does not block. `serve` is called before the caller counts."""
        self._socket = listening
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._callers: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._accepting: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many are served."""
        return len(self._callers)

    def start(self) -> None:
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Take in nobody more; who is there is served to the end."""
        if self._accepting is not None:
            self._accepting.cancel()

    def stop(self) -> None:
        """Close all, whatever is under way."""
        self.close()
        for task in self._callers:
            task.cancel()

    def drop_oldest(self) -> None:
        oldest = next(iter(self._callers))
        oldest.cancel()
        del self._callers[oldest]

    async def _accept(self) -> None:
        with self._socket:  # closed here, when the loop has let go of its number
            while True:
                try:
                    caller, _ = await self._loop.sock_accept(self._socket)
                except OSError:
                    await asyncio.sleep(PAUSE)
                    continue
                task = self._loop.create_task(self._serve(caller))
                self._callers[task] = None
                task.add_done_callback(partial(self._leave, caller))
                await asyncio.sleep(0)  # to accept who waits already is no wait: newcomers would have the loop

    def _leave(self, caller: socket.socket, task: asyncio.Task[None]) -> None:
        """Close the connection, also of one that was cancelled before its first step."""
        self._callers.pop(task, None)
        caller.close()
