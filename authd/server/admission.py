"""Who keeps a slot when there are more clients than slots."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Admission(Generic[T]):
    """The connections that hold a slot, by the uid of their caller, and which of them may be closed for a newcomer.

    A connection is expendable while nobody works for it: its request has not come, or its answer is out. Of these the
    oldest goes first of the uid that holds the most slots, so that who takes many cannot push out who takes few.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._uid_of: dict[T, int] = {}
        self._held: Counter[int] = Counter()
        self._expendable: dict[int, OrderedDict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._uid_of)

    def __contains__(self, connection: T) -> bool:
        return connection in self._uid_of

    def connections(self) -> list[T]:
        """All that hold a slot, the oldest first."""
        return list(self._uid_of)

    @property
    def full(self) -> bool:
        return len(self._uid_of) >= self.limit

    def take(self, connection: T, uid: int) -> None:
        """Give the connection a slot, whether there is one or not: who calls has looked."""
        self._uid_of[connection] = uid
        self._held[uid] += 1

    def release(self, connection: T) -> None:
        """Take the slot back, if it holds one."""
        uid = self._uid_of.pop(connection, None)
        if uid is None:
            return
        self.keep(connection, uid)
        self._held[uid] -= 1
        if not self._held[uid]:
            del self._held[uid]

    def expend(self, connection: T) -> None:
        """From now on the connection may be closed for a newcomer."""
        self._expendable.setdefault(self._uid_of[connection], OrderedDict())[connection] = None

    def keep(self, connection: T, uid: int | None = None) -> None:
        """From now on it may not."""
        uid = self._uid_of[connection] if uid is None else uid
        if (waiting := self._expendable.get(uid)) is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._expendable[uid]

    def first_to_go(self) -> T | None:
        """The connection to be closed for a newcomer; None where each is being worked for."""
        if not self._expendable:
            return None
        uid = max(self._expendable, key=self._held.__getitem__)
        return next(iter(self._expendable[uid]))
