"""What the privileged parent keeps for its children: the configuration and its sockets, and for a while the next."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from authd.config.load import Loaded, load_again
from authd.daemon import helper
from authd.daemon.backends import helper_paths
from authd.daemon.channel import Offer
from authd.daemon.given import NONE, Given
from authd.daemon.openings import Exchange, exchange, make_directory, take_back
from authd.daemon.settled import check_settled
from authd.unix.listening import Listening
from authd.unix.privileges import Account
from authd.unix.sockets import UNCHANGED, BoundSocket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Next:
    loaded: Loaded
    exchange: Exchange
    helper_sockets: dict[Path, BoundSocket]  # those that were not there


class Holdings:
    """`loaded` and `sockets` are what the next front is given, `helper_sockets` where helpers listen."""

    def __init__(self, loaded: Loaded, sockets: dict[str, Listening], account: Account, given: Given = NONE) -> None:
        """Raises SocketError and ConfigError where a helper's socket cannot be had."""
        self.loaded = loaded
        self.sockets = sockets
        self.account = account
        self._given = given
        self.helper_sockets: dict[Path, BoundSocket] = {}
        self._open_helper_sockets(loaded)
        self._next: _Next | None = None

    def every(self) -> list[Listening]:
        """All sockets, those of the next configuration too."""
        coming = self._next.exchange.sockets if self._next else {}
        return [*{**self.sockets, **coming}.values(), *self.helper_sockets.values()]

    def prepare(self) -> Offer:
        """Read the file again and open what it adds. Raises ConfigError and SocketError, and keeps all as it was."""
        self.roll_back()
        found = self._given.added_to(load_again(self.loaded.path))
        check_settled(found, self.loaded.settings)
        added_helpers = self._open_helper_sockets(found)
        try:
            exchanged = exchange(self.sockets, found.settings, self.loaded.settings, is_root=True, given=self._given)
        except BaseException:
            self._take_helpers_back(added_helpers)
            raise
        self._next = _Next(found, exchanged, added_helpers)
        for warning in found.warnings:
            log.warning("%s", warning)
        added = {key: exchanged.sockets[key].socket for key in exchanged.added}
        kept = [key for key in exchanged.sockets if key not in added]
        return Offer(found.source, found.content, added, kept)

    def commit(self) -> None:
        """The front goes by it: so will the next."""
        if self._next is None:
            return
        coming, self._next = self._next, None
        self.loaded, self.sockets = coming.loaded, coming.exchange.sockets
        coming.exchange.commit()
        coming.exchange.close_removed()  # the front has them too

    def roll_back(self) -> None:
        """The front does not, or is gone."""
        if self._next is None:
            return
        coming, self._next = self._next, None
        coming.exchange.roll_back()
        self._take_helpers_back(coming.helper_sockets)

    def latest(self) -> Loaded:
        """What the helper goes by: it serves the front of the former configuration as well."""
        return self._next.loaded if self._next else self.loaded

    def _open_helper_sockets(self, loaded: Loaded) -> dict[Path, BoundSocket]:
        """Open those that are not there yet, all or none, and give them."""
        added: dict[Path, BoundSocket] = {}
        with ExitStack() as undone:
            undone.callback(self._take_helpers_back, added)
            for path in helper_paths(loaded.settings):
                if path not in self.helper_sockets:
                    make_directory(path.parent, 0o755, UNCHANGED)
                    added[path] = self.helper_sockets[path] = helper.bind_socket(loaded, path, self.account)
            undone.pop_all()
        return added

    def _take_helpers_back(self, added: dict[Path, BoundSocket]) -> None:
        for path, bound in added.items():
            take_back(bound)
            del self.helper_sockets[path]
