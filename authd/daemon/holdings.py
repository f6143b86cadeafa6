"""What the privileged parent keeps for its children: the configuration and its sockets, and for a while the next."""

import logging
from dataclasses import dataclass

from authd.config.load import Loaded, load
from authd.daemon import helper
from authd.daemon.channel import Offer
from authd.daemon.given import NONE, Given
from authd.daemon.openings import Exchange, exchange, make_directory, take_back
from authd.daemon.settled import check_settled
from authd.unix.privileges import Account
from authd.unix.sockets import UNCHANGED, BoundSocket
from authd.unix.tcp import Listening

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Next:
    loaded: Loaded
    exchange: Exchange
    helper_socket: BoundSocket | None  # where there was none


class Holdings:
    """`loaded` and `sockets` are what the next front is given, `helper_socket` where a helper listens."""

    def __init__(self, loaded: Loaded, sockets: dict[str, Listening], account: Account, given: Given = NONE) -> None:
        """Raises SocketError and ConfigError where a helper is needed and its socket cannot be had."""
        self.loaded = loaded
        self.sockets = sockets
        self.account = account
        self._given = given
        self.helper_socket = self._helper_socket(loaded)
        self._next: _Next | None = None

    def every(self) -> list[Listening]:
        """All sockets, those of the next configuration too."""
        coming = self._next.exchange.sockets if self._next else {}
        found = [*{**self.sockets, **coming}.values(), self.helper_socket]
        return [bound for bound in found if bound is not None]

    def prepare(self) -> Offer:
        """Read the file again and open what it adds. Raises ConfigError and SocketError, and keeps all as it was."""
        self.roll_back()
        found = self._given.added_to(load(self.loaded.path))
        check_settled(found, self.loaded.settings)
        had_helper = self.helper_socket is not None
        if not had_helper:
            self.helper_socket = self._helper_socket(found)
        try:
            exchanged = exchange(self.sockets, found.settings, self.loaded.settings, is_root=True, given=self._given)
        except BaseException:
            if not had_helper:
                self._take_helper_back(self.helper_socket)
            raise
        self._next = _Next(found, exchanged, None if had_helper else self.helper_socket)
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
        self._take_helper_back(coming.helper_socket)

    def latest(self) -> Loaded:
        """What the helper goes by: it serves the front of the former configuration as well."""
        return self._next.loaded if self._next else self.loaded

    def _helper_socket(self, loaded: Loaded) -> BoundSocket | None:
        if not helper.has_backends(loaded.settings):
            return None
        make_directory(loaded.settings.helper.path.parent, 0o755, UNCHANGED)
        return helper.bind_socket(loaded, self.account)

    def _take_helper_back(self, bound: BoundSocket | None) -> None:
        if bound is not None:
            take_back(bound)
            self.helper_socket = None
