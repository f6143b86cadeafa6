"""Backends at work: each started where its placement says, behind its queue, with what closes it."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from authd.config.load import Loaded
from authd.config.settings import BackendSettings, Settings
from authd.daemon.backends import (
    checks_at_once,
    decides_by_client,
    helper_digest,
    helper_path,
    made,
    placement,
    started,
)
from authd.daemon.probes import probe_of
from authd.decide.chain import Member
from authd.decide.histogram import Histogram
from authd.decide.queue import OWNER_SLOT, BackendQueue, Urgency
from authd.decide.threads import Threads
from authd.helper.client import HelperClient
from authd.server.pieces import BackendAtWork
from authd_backends import files
from authd_backends.contract import Placement, Request, Verdict

log = logging.getLogger(__name__)


def backends_at_work(loaded: Loaded, former: Sequence[BackendAtWork] = ()) -> list[BackendAtWork]:
    """Make and start the backends; of the `former` those go on that would be made alike. May block.

    Raises ConfigError where one cannot work as configured; those that were made are closed then.
    """
    settings = loaded.settings
    going_on = {each.settings.name: each for each in former}
    found: list[BackendAtWork] = []
    with ExitStack() as undone:
        for each in settings.backends:
            made_for = _made_for(each, settings)
            at_work = going_on.get(each.name)
            if at_work is None or (at_work.settings, at_work.made_for) != (each, made_for):
                at_work = replace(_at_work(each, loaded), made_for=made_for)
                undone.callback(at_work.close)
            found.append(at_work)
        undone.pop_all()
    return found


def _made_for(backend: BackendSettings, settings: Settings) -> Hashable:
    """What a backend is made of beside its settings: files that are read once, and what the helper goes by."""
    match placement(backend):
        case Placement.HELPER:
            return helper_digest(settings, helper_path(backend, settings))
        case Placement.LOOP:
            options = (getattr(backend.options, each.name) for each in fields(backend.options))
            return tuple(files.stamp_or_none(path) for path in options if isinstance(path, Path))
        case Placement.THREAD | Placement.INLINE:
            return None  # they look at their files themselves


def _at_work(settings: BackendSettings, loaded: Loaded) -> BackendAtWork:
    kind = placement(settings)
    if kind is Placement.HELPER:
        return _in_helper(settings, loaded.settings)
    backend = started(settings, loaded)
    match kind:
        case Placement.INLINE:
            durations = Histogram()
            ask = _timed(backend.check, durations)
            member = Member(settings.name, settings.type, ask, backend.generation, is_inline=True)
            probe = probe_of(backend, kind, settings.name)
            return BackendAtWork(settings, kind, member, durations, backend.close, probe=probe)
        case Placement.THREAD:
            threads = Threads(settings.name, backend.check, checks_at_once(settings) + OWNER_SLOT)
            queue = _queue(settings, threads.run, cancellable=False)
            close = partial(_close_all, threads.close, backend.close)
        case Placement.LOOP:
            queue = _queue(settings, _as_tasks(backend.check), cancellable=True)
            close = backend.close
    at_work = _queued(settings, kind, queue, backend.generation, close)
    return replace(at_work, probe=probe_of(backend, kind, settings.name))


def _close_all(*closes: Callable[[], None]) -> None:
    for close in closes:
        close()


def _timed(
    check: Callable[[Request], Verdict], durations: Histogram
) -> Callable[[Request, Urgency], Verdict | Awaitable[Verdict]]:
    def ask(request: Request, _: Urgency) -> Verdict:
        began = time.monotonic()
        try:
            return check(request)
        finally:
            durations.add(time.monotonic() - began)

    return ask


def _in_helper(settings: BackendSettings, all_: Settings) -> BackendAtWork:
    path = helper_path(settings, all_)
    if not os.access(path, os.F_OK):
        log.warning("backend %s: unavailable until authd helper runs: no socket %s", settings.name, path)
    client = HelperClient(settings.name, path, helper_digest(all_, path), all_.helper.min_idle, time.monotonic)
    queue = _queue(settings, _as_tasks(client.check), cancellable=True)
    generation = made(settings).generation  # of an instance that is never asked: what it looks at needs no privilege
    probe = probe_of(client, Placement.HELPER, settings.name)
    at_work = _queued(settings, Placement.HELPER, queue, generation, client.close)
    return replace(at_work, helper=client, probe=probe)


def _queued(
    settings: BackendSettings,
    kind: Placement,
    queue: BackendQueue,
    generation: Callable[[], Hashable],
    close: Callable[[], None],
) -> BackendAtWork:
    uses_client = decides_by_client(settings)
    member = Member(settings.name, settings.type, queue.ask, generation, uses_client=uses_client)
    return BackendAtWork(settings, kind, member, queue.durations, close, slots=checks_at_once(settings), queue=queue)


def _queue(
    settings: BackendSettings, run: Callable[[Request], asyncio.Future[Verdict]], *, cancellable: bool
) -> BackendQueue:
    return BackendQueue(
        run,
        max_concurrent=checks_at_once(settings),
        max_queued=settings.max_queued,
        deadline=settings.deadline,
        cancellable=cancellable,
    )


def _as_tasks(check: Callable[[Request], Coroutine[Any, Any, Verdict]]) -> Callable[[Request], asyncio.Task[Verdict]]:
    """Run each check in a task of its own, which may use asyncio's timeouts."""
    return lambda request: asyncio.get_running_loop().create_task(check(request))
