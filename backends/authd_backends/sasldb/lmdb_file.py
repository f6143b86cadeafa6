"""LMDB's files, read without its library.

The library maps the file and trusts it: of 700 damaged files 150 ended the process with SIGBUS, and from 203 others
users had vanished without a word; and readers write to its lock file, which the front may not. Here every page is
checked before it is believed, and what a lookup reads is bounded. The files have no checksums: changed bytes within a
name that leave it in its order still make it another name.

A writer leaves the pages of the last whole state alone until the next one is whole, and says so on a meta page
(copy on write): what was read counts if the meta pages are afterwards what they were before, and pages of a state never
change.
"""

import os

from authd_backends.sasldb.database import MAX_ITEM, DamagedError
from authd_backends.sasldb.lmdb_pages import HEADER_BYTES, META_BYTES, Meta, Overflow, TreePage, newest

MAX_LOOKS = 32  # at one key, while transactions end one after the other


class LmdbFile:
    """An open file. It takes no lock and no reader's slot."""

    def __init__(self, descriptor: int) -> None:
        """Take over the descriptor. Raises DamagedError, OSError, and takes nothing over."""
        self._descriptor = descriptor
        self._page_size = Meta.of(os.pread(descriptor, META_BYTES, 0), 0).page_size
        self._state = self._metas()
        self._path: dict[int, TreePage] = {}  # what the last lookup passed in this state, for the next name of its user
        newest(*self._state)

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None where what was read is whole and holds no such key.

        Raises DamagedError, OSError.
        """
        for _ in range(MAX_LOOKS):
            metas = self._metas()
            if metas != self._state:
                self._state, self._path = metas, {}
            damage = value = None
            try:
                value = self._find(newest(*metas), key)
            except DamagedError as error:
                damage = error
            if self._metas() == metas:
                break
        else:
            raise DamagedError("expected it at rest, got it being written")
        if damage is not None:
            raise damage
        return value

    def close(self) -> None:
        os.close(self._descriptor)

    def _metas(self) -> tuple[bytes, bytes]:
        return (
            os.pread(self._descriptor, META_BYTES, 0),
            os.pread(self._descriptor, META_BYTES, self._page_size),
        )

    def _find(self, meta: Meta, key: bytes) -> bytes | None:
        number, low, high = meta.root, b"", None
        former, self._path = self._path, {}
        passed: list[tuple[TreePage, bytes, bytes | None]] = []
        for level in range(1, meta.depth + 1):
            page = former.get(number) or TreePage(self._read(number, meta), number)
            passed.append((page, low, high))
            self._path[number] = page
            if page.is_leaf != (level == meta.depth):
                raise DamagedError(f"page {number}: expected leaves at depth {meta.depth} alone, got one at {level}")
            if page.is_leaf:
                value = page.value_of(key)
                if value is not None:
                    return self._long(value, meta) if isinstance(value, Overflow) else value
            else:
                number, below, above = page.child(key)
                low, high = below or low, above or high
        for page, first, behind in passed:
            page.check(first, behind)
        return None

    def _read(self, number: int, meta: Meta) -> bytes:
        if not 1 < number <= meta.last_page:
            raise DamagedError(f"page number: expected 2 to {meta.last_page}, got {number}")
        content = os.pread(self._descriptor, self._page_size, number * self._page_size)
        if len(content) != self._page_size:
            raise DamagedError(f"page {number}: expected {self._page_size} bytes, got {len(content)}: it is cut off")
        return content

    def _long(self, value: Overflow, meta: Meta) -> bytes:
        if value.length > MAX_ITEM or not 1 < value.page <= meta.last_page:
            raise DamagedError(f"overflow value: expected at most {MAX_ITEM} bytes within the file, got {value.length}")
        content = os.pread(self._descriptor, HEADER_BYTES + value.length, value.page * self._page_size)
        value.check(content[:HEADER_BYTES], self._page_size)
        if len(content) != HEADER_BYTES + value.length:
            raise DamagedError(f"overflow value: expected {value.length} bytes, got {len(content) - HEADER_BYTES}")
        return content[HEADER_BYTES:]
