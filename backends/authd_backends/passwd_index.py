"""Where each name of a passwd-file stands, in few bytes."""

import mmap
from collections.abc import Callable

LineAt = Callable[[int, bytes], bytes | None]  # the line at an offset if it is of this name, else None

_OFFSET = (1 << 48) - 1
_TAG = (1 << 64) - 1 - _OFFSET


class NameIndex:
    """An open-addressed table of words of 64 bits: 16 of the name's hash, 48 of its line's offset + 1, 0 where free.

    It takes 16 to 32 bytes a line, in pages that appear as they are written: clearing 16 MB at once would hold the
    GIL for 10 ms. Names are not kept: who asks brings `line_at`, which reads them.
    """

    def __init__(self, lines: int) -> None:
        """Make room for as many lines; more are not to be added."""
        words = 2 << lines.bit_length()
        self._words = memoryview(mmap.mmap(-1, 8 * words)).cast("Q")
        self._mask = words - 1

    def add(self, name: bytes, offset: int, line_at: LineAt) -> bool:
        """Take a name in; False where it is there already, which then counts."""
        place, line = self._probe(name, line_at)
        if line is not None:
            return False
        self._words[place] = hash(name) & _TAG | (offset + 1)
        return True

    def find(self, name: bytes, line_at: LineAt) -> bytes | None:
        """Give the line of a name."""
        return self._probe(name, line_at)[1]

    def _probe(self, name: bytes, line_at: LineAt) -> tuple[int, bytes | None]:
        words, mask = self._words, self._mask
        code = hash(name)
        tag = code & _TAG
        place = code & mask
        while word := words[place]:
            if word & _TAG == tag and (line := line_at((word & _OFFSET) - 1, name)) is not None:
                return place, line
            place = (place + 1) & mask
        return place, None
