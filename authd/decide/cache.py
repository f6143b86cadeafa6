"""What is remembered of decisions: who came in with what, and which passwords were refused a moment ago."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from enum import Enum
from hmac import compare_digest
from typing import Any, NamedTuple, TypeVar

from authd.config.settings import CacheSettings
from authd.decide.digest import Identity, is_overlong
from authd_backends.contract import Outcome

K = TypeVar("K")
V = TypeVar("V")

JITTER = 0.1  # of a lifetime, at most: or all that came in together would be asked again together


Origin = tuple[str, str]  # the backend whose verdict it was, and its mechanism

# What is kept, by the 100,000: plain tuples of plain values, which Python's garbage collector does not look at.
# An accepted password: its digest, until when it is an answer, until when it serves in an outage, the generation,
# the origin, and the name that all spellings of the user count as.
_Accepted = tuple[bytes, float, float, Hashable, Origin, str]
# A refused one: the outcome's value, until when, the generation, the origin.
_Refused = tuple[str, float, Hashable, Origin]


class Known(NamedTuple):
    """What is remembered of a password."""

    outcome: Outcome
    origin: Origin


class Lookup(Enum):
    """How a look into the cache ended; the value is the word that metrics use."""

    HIT = "hit"
    NEGATIVE_HIT = "negative_hit"
    MISS = "miss"
    STALE_USED = "stale_used"


class Cache:
    """Two tables, each bounded, the longest unused going first: no flood of refusals pushes out who came in.

    Accepted passwords stand under their user, one each; refused ones under their digest, which is of this user's
    password alone and has one length, however long the names are that a guesser makes up.
    """

    def __init__(self, settings: CacheSettings, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        """`chance` gives numbers from 0 to 1."""
        self.lookups = dict.fromkeys(Lookup, 0)
        self.evictions = 0
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._accepted: OrderedDict[Identity, _Accepted] = OrderedDict()
        self._refused: OrderedDict[bytes, _Refused] = OrderedDict()
        self._generations: dict[bytes, Hashable] = {}  # the newest under each fingerprint
        self._origins: dict[Origin, Origin] = {}

    def __len__(self) -> int:
        return len(self._accepted) + len(self._refused)

    def __iter__(self) -> Iterator[Identity]:
        """Those whose accepted password is remembered, in no order: an OrderedDict's own is ten times as slow."""
        return dict.__iter__(self._accepted)

    def name_of(self, identity: Identity) -> str | None:
        """What all spellings of such a user count as; None where no accepted password is remembered."""
        accepted = self._accepted.get(identity)
        return accepted[-1] if accepted else None

    def recall(self, identity: Identity, digest: bytes, generation: Hashable) -> Known | None:
        """What is known of this user's password and still holds, while the backends are of this generation."""
        origin = self.recall_accepted(identity, digest, generation)
        if origin is not None:
            return Known(Outcome.ACCEPTED, origin)
        refused = None if self.was_last_accepted(identity, digest) else self._refused.get(digest)
        if refused is not None:
            outcome, until, known_generation, origin = refused
            if self._clock() < until and known_generation == generation:
                self.lookups[Lookup.NEGATIVE_HIT] += 1
                return Known(Outcome(outcome), origin)
            del self._refused[digest]
        self.lookups[Lookup.MISS] += 1
        return None

    def recall_accepted(self, identity: Identity, digest: bytes, generation: Hashable) -> Origin | None:
        """The same, but only where the password opens; None is not counted as a look."""
        accepted = self._accepted.get(identity)
        if accepted is None:
            return None
        known_digest, fresh_until, _, known_generation, origin, _ = accepted
        if not compare_digest(known_digest, digest) or self._clock() >= fresh_until or known_generation != generation:
            return None
        self._accepted.move_to_end(identity)
        self.lookups[Lookup.HIT] += 1
        return origin

    def remembers(self, identity: Identity) -> bool:
        """Whether any password of this user has been accepted, however long ago."""
        return identity in self._accepted

    def was_last_accepted(self, identity: Identity, digest: bytes) -> bool:
        """Whether this password is the one that was last accepted for the user, however long ago."""
        accepted = self._accepted.get(identity)
        return accepted is not None and compare_digest(accepted[0], digest)

    def recall_stale(self, identity: Identity, digest: bytes) -> Origin | None:
        """A password that was accepted within `stale_ttl` beyond its lifetime, for when no backend can be reached.

        None where `stale_ttl` is 0, whatever else may be known of it.
        """
        accepted = self._accepted.get(identity) if self._settings.stale_ttl else None
        if accepted is None:
            return None
        known_digest, _, stale_until, _, origin, _ = accepted
        if not compare_digest(known_digest, digest) or self._clock() >= stale_until:
            return None
        self.lookups[Lookup.STALE_USED] += 1
        return origin

    def remember(
        self, identity: Identity, digest: bytes, outcome: Outcome, generation: Hashable, origin: Origin, name: str
    ) -> None:
        """Take a verdict in; `generation` is what the backends had before they were asked.

        `name` is what all spellings of the user count as.
        """
        generation = self._shared(identity, generation)
        origin = self._origins.setdefault(origin, origin)
        match outcome:
            case Outcome.ACCEPTED if not is_overlong(identity):
                fresh_until = self._until(self._settings.ttl)
                stale_until = fresh_until + self._settings.stale_ttl
                self._refused.pop(digest, None)
                self._put(self._accepted, identity, (digest, fresh_until, stale_until, generation, origin, name))
            case Outcome.WRONG_PASSWORD | Outcome.UNKNOWN_USER:
                if outcome is Outcome.UNKNOWN_USER or self.was_last_accepted(identity, digest):
                    self._accepted.pop(identity, None)
                if self._settings.negative_ttl:
                    until = self._until(self._settings.negative_ttl)
                    self._put(self._refused, digest, (outcome.value, until, generation, origin))
            case Outcome.DISABLED | Outcome.EXPIRED:
                self._accepted.pop(identity, None)
            case Outcome.ACCEPTED | Outcome.UNAVAILABLE:
                pass

    def flush(
        self, meant: Iterable[Identity] | None = None
    ) -> tuple[OrderedDict[Identity, _Accepted], OrderedDict[bytes, _Refused]]:
        """Forget the accepted passwords of these, or of all, and all refused ones.

        Gives what is forgotten, since to free a large table takes a while.
        """
        refused, self._refused = self._refused, OrderedDict()
        if meant is None:
            accepted, self._accepted = self._accepted, OrderedDict()
        else:
            accepted = OrderedDict((each, self._accepted.pop(each)) for each in meant if each in self._accepted)
        return accepted, refused

    def adopt(self, settings: CacheSettings) -> None:
        """Go on under other settings; what is remembered keeps the lifetime it has."""
        self._settings = settings
        self._generations.clear()
        for table in (self._accepted, self._refused):
            self._shrink(table)

    def _shared(self, identity: Identity, generation: Hashable) -> Hashable:
        """Give the same object for the same generation, or 100,000 users would keep one of their own: 20 MB."""
        fingerprint = identity[0]
        known = self._generations.get(fingerprint)
        if known == generation:
            return known
        plain = self._generations[fingerprint] = _plain(generation)
        return plain

    def _until(self, lifetime: float) -> float:
        return self._clock() + lifetime * (1.0 - JITTER * self._chance())

    def _put(self, table: OrderedDict[K, V], key: K, value: V) -> None:
        table[key] = value
        table.move_to_end(key)
        self._shrink(table)

    def _shrink(self, table: OrderedDict[Any, Any]) -> None:
        while len(table) > self._settings.max_entries:
            table.popitem(last=False)
            self.evictions += 1


def _plain(value: Hashable) -> Hashable:
    """The same with plain tuples for those that have names."""
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value
