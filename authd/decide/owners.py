"""Who brings the password with which a user came in last, by whatever spelling of his name and for whatever service."""

from collections import OrderedDict

from authd.decide.asked import Asked
from authd.decide.cache import Cache
from authd.decide.digest import Digester, Identity, is_overlong

MAX_OWNERS = 65_536  # users; then the longest absent go


class Owners:
    """Under which identity each user came in last, as the cache remembers it with his password.

    A guesser at a blocked user chooses spelling, realm and service: what is remembered of the user under one of them
    has to count under all.
    """

    def __init__(self, cache: Cache, digester: Digester) -> None:
        self._cache = cache
        self._digester = digester
        self._last: OrderedDict[str, Identity] = OrderedDict()

    def note(self, asked: Asked) -> None:
        """Take in that the user has come in."""
        if is_overlong(asked.identity):
            return
        if self._last.get(asked.name) != asked.identity:  # an equal one is the cache's own, and takes no further memory
            self._last[asked.name] = asked.identity
        self._last.move_to_end(asked.name)
        if len(self._last) > MAX_OWNERS:
            self._last.popitem(last=False)

    def are_known_of(self, asked: Asked) -> bool:
        """Whether any password of this user has been accepted, however long ago."""
        return self._cache.remembers(asked.identity) or self._cache.remembers(self._last_identity(asked))

    def include(self, asked: Asked) -> bool:
        """Whether this password is the one that was last accepted for the user, however long ago."""
        if self._cache.was_last_accepted(asked.identity, asked.digest):
            return True
        last = self._last_identity(asked)
        if last == asked.identity or not self._cache.remembers(last):
            return False
        return self._cache.was_last_accepted(last, self._digester.digest(last, asked.request))

    def _last_identity(self, asked: Asked) -> Identity:
        return self._last.get(asked.name, asked.identity)
