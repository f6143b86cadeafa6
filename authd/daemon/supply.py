"""Where a front has another configuration and its sockets from: it opens them itself, or its parent does."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from authd.config.errors import ConfigError
from authd.config.load import Loaded, load_again, parse
from authd.daemon import channel
from authd.daemon.channel import ChannelError, Word
from authd.daemon.given import Given
from authd.daemon.openings import Sockets, exchange
from authd.daemon.settled import check_settled
from authd.unix.listening import Listening, PlainSocket

PATIENCE = 10.0  # seconds for the parent to answer


@dataclass(frozen=True, slots=True)
class Supplied:
    """A configuration, ready to be gone by."""

    loaded: Loaded
    sockets: dict[str, Listening]
    commit: Callable[[], None]  # this is what the files of the sockets are to be like
    roll_back: Callable[[], None]


class Supply(Protocol):
    async def another(self, loaded: Loaded, sockets: Sockets) -> Supplied:
        """Give what the file says now to who goes by `loaded` and `sockets`. Raises ConfigError and SocketError."""

    @property
    def owns_sockets(self) -> bool:
        """Whether who is supplied removes the files of its sockets at the end."""

    @property
    def given(self) -> Given:
        """The sockets that outlive who is supplied."""


class OwnSupply:
    """A front without a parent opens its sockets itself, but for those it was given."""

    def __init__(self, given: Given) -> None:
        self.given = given

    async def another(self, loaded: Loaded, sockets: Sockets) -> Supplied:
        # In a thread: a path that another one listens at takes its time.
        return await asyncio.to_thread(_supplied, loaded, sockets, self.given)

    @property
    def owns_sockets(self) -> bool:
        return True


def _supplied(loaded: Loaded, sockets: Sockets, given: Given) -> Supplied:
    found = given.added_to(load_again(loaded.path))
    check_settled(found, loaded.settings)
    exchanged = exchange(sockets, found.settings, loaded.settings, is_root=False, given=given)
    return Supplied(found, exchanged.sockets, exchanged.commit, exchanged.roll_back)


class ParentSupply:
    """A front below a privileged parent asks it."""

    def __init__(self, given: Given, end: socket.socket) -> None:
        """`end`: the front's of the channel."""
        self.given = given
        self._end = end
        end.setblocking(True)
        end.settimeout(PATIENCE)

    async def another(self, loaded: Loaded, sockets: Sockets) -> Supplied:
        try:
            channel.discard_offers(self._end)  # one that came too late
            self._end.send(Word.PREPARE.value)
            offer = await asyncio.to_thread(channel.receive_offer, self._end)
        except ChannelError as error:
            self._say(Word.ROLL_BACK)  # one that comes too late would listen where nobody accepts
            raise ConfigError(str(error).splitlines()) from None
        except OSError:
            raise ConfigError(["the parent has gone"]) from None
        try:
            found = self.given.added_to(parse(offer.source, offer.content, path=loaded.path))
        except ConfigError:
            self._roll_back(offer.added.values())
            raise
        known: dict[str, Listening] = {
            key: PlainSocket(each, key.partition(" ")[2]) for key, each in offer.added.items()
        }
        known |= {key: bound for key, bound in sockets.items() if key in offer.kept}
        return Supplied(
            found,
            known,
            commit=lambda: self._say(Word.COMMIT),
            roll_back=lambda: self._roll_back(offer.added.values()),
        )

    @property
    def owns_sockets(self) -> bool:
        return False

    def _roll_back(self, added: Iterable[socket.socket]) -> None:
        for each in added:
            each.close()
        self._say(Word.ROLL_BACK)

    def _say(self, word: Word) -> None:
        with suppress(OSError):  # the parent has gone: the front learns of that elsewhere
            self._end.send(word.value)
