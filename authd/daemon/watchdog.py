"""A login through our own sockets, as proof for the service manager that others are answered too.

Four empty strings are sent, which no client's library sends, and the codec answers NO. An answer that does not come
and a socket of ours that is gone end the feeding, since a restart mends them; anything else is logged once.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from authd.protocols.saslauthd import PROBE

FEEDS = 4  # in the time that the manager allows; a probe that is too late costs one of them
REFUSAL = b"NO"
MAX_ANSWER = 64  # bytes

log = logging.getLogger(__name__)


class NotAlive(Exception):  # noqa: N818  # what the manager is to act upon
    """Logins are not answered at a listener, and a restart may mend it."""


def period() -> float | None:
    """Give the seconds between two feeds, where the manager watches this process or the parent that started it.

    sd_watchdog_enabled(3).
    """
    watched = os.environ.get("WATCHDOG_PID", "")
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if watched and watched not in (str(os.getpid()), str(os.getppid())):
        return None
    if not microseconds.isascii() or not microseconds.isdecimal() or not 0 < len(microseconds) < 16:
        return None
    return int(microseconds) / 1e6 / FEEDS or None


class Watchdog:
    """Feeds the manager's watchdog for as long as the loop runs and each listener answers."""

    def __init__(
        self,
        period: float,
        listeners: Callable[[], Iterable[Path]],
        accepted: Callable[[], int],
        feed: Callable[[], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`accepted`: how many clients have been, which tells a loop that is busy from one that is stuck.

        `feed` blocks for no longer than a datagram takes.
        """
        self._period = period
        self._listeners = listeners
        self._accepted = accepted
        self._feed = feed
        self._sleep = sleep
        self._told: set[str] = set()

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            try:
                for path in self._listeners():
                    await self._probe(path)
            except NotAlive as error:
                log.error("watchdog: not fed: %s", error)  # noqa: TRY400
            else:
                self._feed()
            await self._sleep(self._period)

    async def _probe(self, path: Path) -> None:
        before = self._accepted()
        try:
            async with asyncio.timeout(self._period):
                answer = await _answer(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotAlive(f"{path}: expected a socket of ours, got: {error.strerror}") from error
        except BlockingIOError:  # the backlog is full
            await self._sleep(self._period)
            if self._accepted() == before:
                raise NotAlive(f"{path}: expected its backlog to be served, got nobody accepted") from None
        except TimeoutError:
            raise NotAlive(f"{path}: expected an answer within {self._period:g} s, got none") from None
        except OSError as error:  # it may not be for us to connect to, or no descriptor is left
            self._tell_once(f"{path}: expected to ask for a login, got: {error.strerror}")
        else:
            if answer[2:4] != REFUSAL:
                raise NotAlive(f"{path}: expected the answer NO, got {answer!r}")

    def _tell_once(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            log.warning("watchdog: %s", problem)


async def _answer(path: Path) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
        client.connect(str(path))  # AF_UNIX: at once, or EAGAIN where the backlog is full
        await loop.sock_sendall(client, PROBE)
        return await loop.sock_recv(client, MAX_ANSWER)
