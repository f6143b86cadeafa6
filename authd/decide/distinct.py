"""Counts different things of each name, in tables that do not grow."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice, takewhile
from struct import Struct

MAX_RECORDS = 65_536  # names that are counted at once
SAMPLE = 8  # records looked at when one has to go
TAG_BYTES = 6  # of a digest: enough to tell a few passwords of one user apart

_SEEN = Struct(f"<{TAG_BYTES}sd")  # a tag, and when it was last seen


class DistinctCounter:
    """Distinct wrong passwords of each name within a sliding window, counted up to a most.

    At most `MAX_RECORDS` names are held. For a new one that of the lowest count among the longest unused goes, but
    never one that has reached `protected`; where there is none such, the new name is not counted.

    A record is the bytes of one `_SEEN` after another, the one last seen at the end: in a table that is full, 30 each,
    a tenth of what dictionaries take.
    """

    def __init__(self, most: int, protected: int, window: float, clock: Callable[[], float]) -> None:
        """`window` is in seconds."""
        self._most = most
        self._protected = protected
        self._window = window
        self._clock = clock
        self._records: OrderedDict[str, bytearray] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def adopt(self, most: int, protected: int, window: float) -> None:
        """Go on under other limits, with what has been counted."""
        self._most, self._protected, self._window = most, protected, window

    def __call__(self, name: str) -> int:
        """How many distinct passwords were wrong within the window, `most` at most."""
        record = self._records.get(name)
        if record is None:
            return 0
        oldest = self._clock() - self._window
        outdated = sum(1 for _ in takewhile(lambda seen: seen[1] <= oldest, _SEEN.iter_unpack(record)))
        return len(record) // _SEEN.size - outdated

    def add(self, name: str, digest: bytes) -> bool:
        """Count a wrong password; False where this very one has been counted within the window."""
        record = self._records.get(name)
        if record is None:
            if len(self._records) >= MAX_RECORDS and not self._make_room():
                return True
            record = self._records[name] = bytearray()
        self._records.move_to_end(name)
        now = self._clock()
        entry = _SEEN.pack(digest[:TAG_BYTES], now)
        seen = _taken_out(record, entry[:TAG_BYTES])
        del record[: max(0, len(record) - (self._most - 1) * _SEEN.size)]
        record += entry
        return seen is None or seen <= now - self._window

    def __iter__(self) -> Iterator[str]:
        """The names that are counted, in no order: an OrderedDict's own is ten times as slow."""
        return dict.__iter__(self._records)

    def forget(self, name: str) -> bool:
        """Begin anew for this name; False where it was not counted."""
        return self._records.pop(name, None) is not None

    def forget_all(self) -> OrderedDict[str, bytearray]:
        """Begin anew for all, and give what was counted, since to free a large table takes a while."""
        records, self._records = self._records, OrderedDict()
        return records

    def names(self, least: int) -> list[str]:
        """Those that have reached a count."""
        return [name for name in self._records if self(name) >= least]

    def _make_room(self) -> bool:
        sample = list(islice(self._records, SAMPLE))
        counts = {name: self(name) for name in sample}
        for name in sample:
            if counts[name] >= self._protected:
                self._records.move_to_end(name)
                del counts[name]
        if not counts:
            return False
        del self._records[min(counts, key=counts.__getitem__)]
        return True


def _taken_out(record: bytearray, tag: bytes) -> float | None:
    """Take a tag out and tell when it was last seen; None where it is not there."""
    at = record.find(tag)
    while at % _SEEN.size and at > 0:  # the same bytes, across others
        at = record.find(tag, at + 1)
    if at < 0:
        return None
    _, seen = _SEEN.unpack_from(record, at)
    del record[at : at + _SEEN.size]
    return float(seen)
