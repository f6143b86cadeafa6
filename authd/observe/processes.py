"""The processes that the figures of proc(5) are exported of: the front, and the helper where it can be found."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client.process_collector import ProcessCollector

from authd.server.pieces import Pieces

NOBODY = 0  # no process has this number


def collectors(pieces: Callable[[], Pieces]) -> tuple[ProcessCollector, ...]:
    """Give one for this process, and one for the helper of the pieces at work."""
    helper = ProcessCollector("authd_helper", lambda: helper_pid(pieces()), registry=None)
    return ProcessCollector(registry=None), helper


def helper_pid(pieces: Pieces) -> int:
    """Give the helper's pid, or `NOBODY`: who opened its socket, be it the service manager, is all that connects tell.

    Below a parent that is the parent, and the helper is its other child.
    """
    opener = max((each.helper.listener for each in pieces.backends if each.helper), default=NOBODY)
    if opener and opener == os.getppid():
        with suppress(OSError):
            children = Path(f"/proc/{opener}/task/{opener}/children").read_text().split()
            others = [int(pid) for pid in children if int(pid) != os.getpid()]
            return others[0] if len(others) == 1 else NOBODY
    return opener if opener > 1 else NOBODY
