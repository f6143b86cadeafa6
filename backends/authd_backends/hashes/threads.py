"""Threads for backends that await their store on the event loop and must not hash there."""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_NICENESS = 5  # as the daemon's other threads that hash

P = ParamSpec("P")
T = TypeVar("T")


async def on_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Await what `work` gives or raises: the whole way from rows to a verdict, since a hop costs 50 us.

    There are as many threads as cores, for all backends together. Who stops waiting takes back what has not begun.
    """
    import asyncio  # 35 ms, and most who hash have no loop

    return await asyncio.wrap_future(_threads().submit(work, *arguments, **named))


@cache
def _threads() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # 3 ms

    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), "hashing", _be_nice)


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
