"""Keeps child processes running: one that dies is started again, ever more slowly, and at the end all are ended."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from authd.unix.process import cause_of_death

FIRST_DELAY = 0.1  # seconds before a dead child is started again
LAST_DELAY = 30.0  # seconds; each delay is twice the one before
PROVEN = 30.0  # seconds a child has to live for the delays to begin anew
FAILED, MISCONFIGURED = 1, 2
DELIBERATE = (0, MISCONFIGURED)  # what a child ends with when another one would do no better
WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGIO)
STOPPING = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Child:
    """A child process that is wanted; `start` forks it and gives its pid."""

    what: str  # as the log calls it
    start: Callable[[], int]
    stop_within: float  # seconds from SIGTERM to SIGKILL
    pid: int | None = field(default=None, init=False)
    born: float = field(default=0.0, init=False)
    due: float = field(default=0.0, init=False)  # when to start it, on the monotonic clock
    delay: float = field(default=FIRST_DELAY, init=False)
    is_to_reload: bool = field(default=False, init=False)  # whoever sees it reload takes that back

    def reload(self) -> None:
        """Send SIGHUP to it, and should it die of anything before it reloads, to whoever takes its place."""
        self.is_to_reload = True
        self.send(signal.SIGHUP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it while it runs."""
        if self.pid is not None:
            os.kill(self.pid, number)


class Keeper:
    """Starts the children in their order and ends them in the other, while `WATCHED` is blocked.

    One that ends on purpose ends all, with its status; so does a signal, with 0.
    """

    def __init__(
        self, children: Sequence[Child], let_go: Callable[[], None], listen: Callable[[], None] = lambda: None
    ) -> None:
        """`let_go` is called once, before the children are told to end; `listen` at SIGIO."""
        self._children = list(children)
        self._let_go = let_go
        self._listen = listen

    def add(self, child: Child) -> None:
        """Keep another child running, which is ended after those that are there."""
        self._children.insert(0, child)

    def forget(self, child: Child) -> None:
        """End a child and start it no more."""
        self._end(child)
        self._children.remove(child)

    def run(self) -> int:
        """Keep the children running until one ends on purpose or a signal asks for the end; give the exit status."""
        while True:
            for child in self._children:
                if child.pid is None and child.due <= time.monotonic():
                    _start(child)
            if self._told_to_stop():
                return self._stop(0)
            for child, pid, code in self._ended():
                if code in DELIBERATE:
                    return self._stop(code)
                _start_again_later(child, f"(pid {pid}) {cause_of_death(code)}")

    def _told_to_stop(self) -> bool:
        """Wait for a signal, or until a child is due; pass SIGHUP on to the front, which asks for the rest."""
        due = [child.due for child in self._children if child.pid is None]
        received = (
            signal.sigtimedwait(WATCHED, max(0.0, min(due) - time.monotonic())) if due else signal.sigwaitinfo(WATCHED)
        )
        if received is not None and received.si_signo == signal.SIGHUP:
            self._children[-1].reload()
        if received is not None and received.si_signo == signal.SIGIO:
            self._listen()
        return received is not None and received.si_signo in STOPPING

    def _ended(self) -> Iterator[tuple[Child, int, int]]:
        """Collect all that have ended, with pid and exit code; process 1 of a container has others' children too."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for child in self._children:
                    if child.pid == ended[0]:
                        child.pid = None
                        yield child, ended[0], os.waitstatus_to_exitcode(ended[1])

    def _stop(self, status: int) -> int:
        """End the children one after the other; the status is that of the first which fails."""
        self._let_go()
        for child in reversed(self._children):
            ended = self._end(child)
            status = status or ended
        return status

    def _end(self, child: Child) -> int:
        """Leave the child its time, and no more."""
        if child.pid is None:
            return 0
        pid = child.pid
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + child.stop_within
        while time.monotonic() < end:
            for ended, _, code in self._ended():
                if ended is child:
                    # One that dies of SIGTERM was not yet ready to hear of it.
                    return 0 if code == -signal.SIGTERM else code if code >= 0 else FAILED
            signal.sigtimedwait(WATCHED, max(0.0, end - time.monotonic()))
        log.error("%s (pid %d) did not end within %g s: killing it", child.what, pid, child.stop_within)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return FAILED


def _start(child: Child) -> None:
    child.born = time.monotonic()
    try:
        child.pid = child.start()
    except OSError as error:  # no memory or no process left just now
        _start_again_later(child, f"could not be started: {error.strerror}")
    if child.is_to_reload:
        child.send(signal.SIGHUP)


def _start_again_later(child: Child, cause: str) -> None:
    now = time.monotonic()
    if now - child.born >= PROVEN:
        child.delay = FIRST_DELAY
    log.error("%s %s: starting one in %.1f s", child.what, cause, child.delay)
    child.due = now + child.delay
    child.delay = min(2 * child.delay, LAST_DELAY)
