"""Counts wrong passwords, by user and by address, in tables that do not grow."""

import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from enum import Enum
from hashlib import blake2b

from authd.config.settings import ThrottleSettings
from authd.decide.distinct import DistinctCounter
from authd.decide.sources import Sources
from authd_backends.contract import Client

MAX_KNOWN = 65_536  # users and the addresses from which they came in
LONGEST_NAME = 128  # characters
DIGEST_BYTES = 16


class UserBlock(Enum):
    """What a user's wrong passwords mean for who asks for him now."""

    NONE = "none"
    # Only the password last accepted reaches a backend. While none was, any does, for the owner's sake, but a guesser
    # hears no refusal of it.
    GUESSERS = "guessers"
    EVERYBODY = "everybody"  # none does


class Throttle:
    """Who is not asked for any more: addresses and users with too many distinct wrong passwords."""

    def __init__(self, settings: ThrottleSettings, clock: Callable[[], float]) -> None:
        self.throttled = {"address": 0, "user": 0}  # requests
        self.users = DistinctCounter(1, 1, settings.window, clock)
        self.addresses = DistinctCounter(1, 1, settings.window, clock)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.adopt(settings)

    def adopt(self, settings: ThrottleSettings) -> None:
        """Go on under other settings, with what has been counted."""
        self.blocks = settings.enabled
        self._settings = settings
        limits = [limit for limit in (settings.per_user, settings.per_user_hard) if limit]
        self.user_limit = min(limits, default=0) if settings.enabled else 0  # wrong passwords that block; 0: none do
        self.address_limit = settings.per_address if settings.enabled else 0
        self.users.adopt(max(limits, default=1), min(limits, default=1), settings.window)
        self.addresses.adopt(max(1, settings.per_address), max(1, settings.per_address), settings.window)
        self._source = Sources(settings.exempt)

    def blocks_address(self, name: str, client: Client | None) -> bool:
        """Whether nothing that comes from there is looked at, but for users who came in from there before."""
        if not self.blocks or client is None or not self._settings.per_address:
            return False
        source = self._source(client.address)
        return (
            source is not None
            and self.addresses(source) >= self._settings.per_address
            and not self.is_known(name, client)
        )

    def shuts_out(self, name: str) -> bool:
        """Whether this user himself is kept out: nothing that is said to be his is compared with anything."""
        hard = self._settings.per_user_hard
        return self.blocks and hard > 0 and self.users(name) >= hard

    def block_of(self, name: str, client: Client | None) -> UserBlock:
        """What this user's wrong passwords mean for who asks from there."""
        if not self.blocks:
            return UserBlock.NONE
        if self.shuts_out(name):
            return UserBlock.EVERYBODY
        per_user = self._settings.per_user
        if per_user and self.users(name) >= per_user and not self.is_known(name, client):
            return UserBlock.GUESSERS
        return UserBlock.NONE

    def is_known(self, name: str, client: Client | None) -> bool:
        """Whether this user has come in from this address before."""
        return client is not None and (name, client.address) in self._known

    def note_refusal(self, name: str, client: Client | None, digest: bytes) -> bool:
        """Count a wrong password of this user from there; False where it was counted a while ago."""
        if client is not None and (source := self._source(client.address)) is not None:
            self.addresses.add(source, digest)
        return self.users.add(name, digest)

    def note_acceptance(self, name: str, client: Client | None) -> None:
        """Remember that this user has come in from there."""
        if client is None:
            return
        self._known[name, client.address] = None
        self._known.move_to_end((name, client.address))
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def forget(self, name: str) -> int:
        """Begin anew for a user in any spelling and for an address or a /64; give how many of these were counted."""
        try:
            source = self._source(name)
        except ValueError:
            source = None
        return self.users.forget(name_of(name)) + self.addresses.forget(source or name)

    def without_blocks(self) -> "Throttle":
        """This throttle, counting into the same tables, for one who is not to be blocked."""
        twin = copy(self)
        twin.blocks = False
        return twin


def name_of(login: str) -> str:
    """What all spellings of a login count as: NFKC, without case, and NFKC again, since folding may undo it.

    A name longer than any user's is its digest: what is counted is kept, and one character may become eighteen.
    """
    if len(login) > LONGEST_NAME:
        return _digest(login)
    if login.isascii():
        return login.casefold()
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold())
    return name if len(name) <= LONGEST_NAME else _digest(name)


def _digest(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogateescape"), digest_size=DIGEST_BYTES).hexdigest()
