"""A backend's optional probe (`authd_backends.Probed`), as something that tells in words why its store is out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from authd.decide.chain import where_raised
from authd.decide.threads import Threads
from authd_backends.contract import Outcome, Placement, Request, Secret, Verdict
from authd_backends.errors import BackendError

NOBODY = Request("", Secret(b""))

Probe = Callable[[], Awaitable[str]]  # why no check would be answered now; empty where one would

log = logging.getLogger(__name__)


def probe_of(backend: Any, placement: Placement, name: str) -> Probe | None:
    """Give the probe of a backend, or of the helper's client; None where it has none."""
    probe = getattr(backend, "probe", None)
    if probe is None:
        return None
    match placement:
        case Placement.THREAD:
            return _OnThread(probe, name).probe
        case Placement.LOOP | Placement.HELPER:
            return lambda: _on_loop(probe, name)
        case Placement.INLINE:
            return lambda: _at_once(probe, name)


async def _at_once(probe: Callable[[], None], name: str) -> str:
    try:
        probe()
    except Exception as error:
        return _told(error, name)
    return ""


async def _on_loop(probe: Callable[[], Awaitable[None]], name: str) -> str:
    try:
        await probe()
    except Exception as error:
        return _told(error, name)
    return ""


class _OnThread:
    """A probe on a thread of its own, since those of the checks may all hang; it ends with the probe.

    While one hangs no other begins.
    """

    def __init__(self, probe: Callable[[], None], name: str) -> None:
        self._probe = probe
        self._name = name
        self._under_way: asyncio.Future[Verdict] | None = None

    async def probe(self) -> str:
        if self._under_way is None or self._under_way.done():
            threads = Threads(f"{self._name}-probe", self._verdict, 1)
            self._under_way = threads.run(NOBODY)
            threads.close()
        return (await asyncio.shield(self._under_way)).reason

    def _verdict(self, _: Request) -> Verdict:
        try:
            self._probe()
        except Exception as error:
            return Verdict(Outcome.UNAVAILABLE, _told(error, self._name))
        return Verdict(Outcome.UNKNOWN_USER)


def _told(error: Exception, name: str) -> str:
    """What a probe foresees it says in words; the text of a defect is left out, as anywhere."""
    match error:
        case BackendError():
            return str(error)
        case OSError(strerror=str()):
            return str(error.strerror)
        case _:
            log.error("backend %s: probe: %s", name, where_raised(error))
            return f"defect: {type(error).__name__}"
