"""Started as root without systemd: the original process keeps the listeners and the root, its children serve.

The front gives its privileges up for good and holds nothing but its standard streams, the listening sockets, a channel
to ask for another configuration by, and a pipe whose end tells it that the parent is gone (PR_SET_PDEATHSIG does not
outlast a change of uid). Where backends need helpers these are children beside it, as root, one for each path that a
helper is wanted at. Whoever connects while there is no front waits in the backlog of the very socket that the next one
accepts on.
"""

import fcntl
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from authd.config.errors import ConfigError
from authd.daemon import channel
from authd.daemon.account import check_readable
from authd.daemon.channel import ChannelError, OfferError, Word
from authd.daemon.holdings import Holdings
from authd.daemon.keeper import FAILED, MISCONFIGURED, WATCHED, Child, Keeper
from authd.observe.targets import disown_logging
from authd.unix import privileges, process
from authd.unix.listening import Listening
from authd.unix.privileges import PrivilegeError
from authd.unix.sockets import SocketError
from authd_backends.errors import BackendError

MARGIN = 2.0  # seconds beyond shutdown_deadline until the front is killed
HELPER_MARGIN = 2.0  # seconds for the helper to end
OOM_NEVER = -1000

# They take the pipe's descriptor, at its end when the parent is, and give an exit status.
ServeFront = Callable[[int, socket.socket], int]  # takes the front's end of the channel too
ServeHelper = Callable[[Path, int], int]  # takes the path of its socket before

log = logging.getLogger(__name__)


class Parent:
    """Forks fronts that call `serve_front`, one after the other, and with the helper's backends `serve_helper` beside.

    Where a front asks for another configuration it gets what `holdings` prepare, and says whether it goes by that.
    """

    def __init__(self, holdings: Holdings, serve_front: ServeFront, serve_helper: ServeHelper) -> None:
        self._holdings = holdings
        self._serve_front = serve_front
        self._serve_helper = serve_helper
        self._lifeline, self._held_open = os.pipe()
        self._end: socket.socket | None = None  # of the channel to the front
        self._helpers: dict[Path, Child] = {}

    def run(self) -> int:
        """Keep them running until told to stop, or until one ends on purpose; give the exit status."""
        os.umask(0o077)
        privileges.forbid_core_dumps()
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # from here on they wait until they are asked for: no races
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, it would never come
        self._oom_score = process.set_oom_score(OOM_NEVER)
        shutdown_deadline = self._holdings.loaded.settings.server.shutdown_deadline
        self._front = Child("the front", self._start_front, shutdown_deadline + MARGIN)
        self._keeper = Keeper([self._front], self._let_go, self._listen)
        self._ensure_helpers()
        return self._keeper.run()

    def _start_front(self) -> int:
        self._holdings.roll_back()  # what a front that died has not taken up
        self._close_channel()
        ours, theirs = channel.pair()
        self._end = ours
        fcntl.fcntl(ours, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(ours, fcntl.F_SETFL, os.O_RDWR | os.O_ASYNC | os.O_NONBLOCK)  # SIGIO when it says something
        kept = list(self._holdings.sockets.values())

        def become_front() -> int:
            process.set_oom_score(self._oom_score)
            privileges.drop_to(self._holdings.account)
            privileges.forbid_core_dumps()
            check_readable(self._holdings.account)
            return self._serve_front(self._lifeline, theirs)

        with theirs:
            return self._fork("the front", become_front, kept, theirs.fileno())

    def _start_helper(self, path: Path) -> int:
        kept = [self._holdings.helper_sockets[path]]
        return self._fork("the helper", lambda: self._serve_helper(path, self._lifeline), kept)

    def _ensure_helpers(self) -> None:
        for path in [each for each in self._holdings.helper_sockets if each not in self._helpers]:
            self._helpers[path] = Child("the helper", partial(self._start_helper, path), HELPER_MARGIN)
            self._keeper.add(self._helpers[path])

    def _listen(self) -> None:
        """Do what the front asks for."""
        try:
            while self._end is not None and (word := channel.word_of(self._end)) is not None:
                self._heed(word)
        except ChannelError as error:
            log.debug("the channel to the front: %s", error)
            self._holdings.roll_back()
            self._close_channel()
        self._drop_needless_helpers()

    def _heed(self, word: Word) -> None:
        match word:
            case Word.PREPARE:
                self._prepare()
            case Word.COMMIT:
                self._holdings.commit()
            case Word.ROLL_BACK:
                self._holdings.roll_back()

    def _prepare(self) -> None:
        assert self._end is not None
        self._front.is_to_reload = False
        try:
            offer = self._holdings.prepare()
            for each in self._helpers.values():
                each.send(signal.SIGHUP)
            self._ensure_helpers()
            channel.send_offer(self._end, offer)
        except (ConfigError, SocketError, OfferError) as error:
            self._holdings.roll_back()
            channel.send_problems(self._end, str(error))

    def _drop_needless_helpers(self) -> None:
        """End helpers whose configuration was rolled back."""
        for path in [each for each in self._helpers if each not in self._holdings.helper_sockets]:
            self._keeper.forget(self._helpers.pop(path))

    def _let_go(self) -> None:
        """Give the paths free for whoever starts next; with our ends closed, the children's are the last."""
        for bound in self._holdings.every():
            bound.unlink()
            bound.close()
        self._close_channel()  # or a front that is reloading would wait for an answer before it ends

    def _close_channel(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None

    def _fork(self, what: str, life: Callable[[], int], kept: Sequence[Listening], *descriptors: int) -> int:
        """Fork a child for `life`, with the sockets and descriptors it keeps out of all, and give its pid."""
        pid = os.fork()
        if pid == 0:
            _live(what, life, kept, self._holdings.every(), {self._lifeline, *descriptors})
        return pid


def _live(
    what: str, life: Callable[[], int], kept: Sequence[Listening], every: Sequence[Listening], descriptors: set[int]
) -> NoReturn:
    """Be the child of the fork, and never come back from it."""
    status = FAILED
    try:
        _keep_only(kept, every, descriptors)
        status = life()
    except (PrivilegeError, ConfigError, BackendError) as error:
        log.error("%s", error)  # noqa: TRY400  # it says what to do; where it was raised helps nobody
        status = MISCONFIGURED
    except BaseException:
        log.critical("%s failed", what, exc_info=True)
    finally:
        os._exit(status)


def _keep_only(kept: Sequence[Listening], every: Sequence[Listening], descriptors: set[int]) -> None:
    """Put signals back and close all that is the parent's or another child's."""
    process.reset_signals(WATCHED, held={signal.SIGHUP})  # until it is heard: neither died of nor missed
    for bound in every:
        bound.disown()
        if bound not in kept:
            bound.close()
    disown_logging()
    process.close_descriptors(keep={*descriptors, *(bound.socket.fileno() for bound in kept)})
