"""The pages of LMDB's files, from bytes and checked: data version 1, of 64-bit machines (lmdb 0.9).

The layout is that of mdb.c: MDB_page, MDB_node, MDB_meta. Nothing here raises anything but DamagedError, whatever the
bytes.
"""

import struct
from bisect import bisect_right
from operator import lt
from typing import NamedTuple

from authd_backends.sasldb.database import DamagedError

META_BYTES = 152
HEADER_BYTES = 16

_BRANCH, _LEAF, _OVERFLOW, _META = 1, 2, 4, 8  # page flags
_BIG, _PLAIN = 1, 0  # node flags: the value is on overflow pages, or behind the key
_NOWHERE = 2**64 - 1  # the root of a database without records
_HEADER = struct.Struct("<QxxHHH")  # page, flags, lower, upper
_NODE = struct.Struct("<HHHH")  # low and high half of a size or page, flags or the page's further bits, key's size
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_MAX_DEPTH = 16
_MAX_PAGE = 2**46  # numbers have 48 bits in branches, and a place in the file 63


class Meta(NamedTuple):
    """One state of the database, as one of the first two pages has it."""

    page_size: int
    depth: int
    entries: int
    root: int
    last_page: int
    transaction: int

    @classmethod
    def of(cls, content: bytes, number: int) -> "Meta":
        """Read the first `META_BYTES` of page 0 or 1."""
        if len(content) < META_BYTES:
            raise DamagedError(f"meta page {number}: expected {META_BYTES} bytes, got {len(content)}")
        this, flags, *_ = _HEADER.unpack_from(content)
        magic, version = struct.unpack_from("<II", content, HEADER_BYTES)
        if (this, flags, magic, version) != (number, _META, _MAGIC, _VERSION):
            raise DamagedError(f"meta page {number}: expected one of LMDB 0.9 on a 64-bit machine")
        (page_size,) = struct.unpack_from("<I", content, 40)
        kind, depth, entries, root = struct.unpack_from("<HH24xQQ", content, 92)
        meta = cls(page_size, depth, entries, root, *struct.unpack_from("<QQ", content, 136))
        meta._check(kind, number)
        return meta

    def _check(self, kind: int, number: int) -> None:
        size = self.page_size
        demands = {
            "pages of 512 to 65536 bytes": 512 <= size <= 65536 and size & (size - 1) == 0,
            "a database without duplicates and keys of its own kind": kind == 0,
            f"a depth of at most {_MAX_DEPTH}": self.depth <= _MAX_DEPTH,
            "records or none": (self.root == _NOWHERE) == (self.entries == 0) == (self.depth == 0),
            "a root within the file": self.root == _NOWHERE or 1 < self.root <= self.last_page,
            "pages that a file can have": self.last_page <= _MAX_PAGE,
            "the transactions of its turn": self.transaction == 0 or self.transaction % 2 == number,
        }
        for demand, met in demands.items():
            if not met:
                raise DamagedError(f"meta page {number}: expected {demand}")


def newest(first: bytes, second: bytes) -> Meta:
    """Give the state of the last transaction: they write to the two pages by turns, so both have to be whole."""
    metas = Meta.of(first, 0), Meta.of(second, 1)
    transactions = metas[0].transaction, metas[1].transaction
    if abs(transactions[0] - transactions[1]) > 1 or metas[0].page_size != metas[1].page_size:
        raise DamagedError(f"meta pages: expected two transactions one after the other, got {transactions}")
    return max(metas, key=lambda meta: meta.transaction)


class TreePage:
    """A branch or a leaf: the offsets of its nodes in the order of their keys, free room, then the nodes."""

    __slots__ = ("_content", "_is_checked", "_number", "_offsets", "is_leaf")

    def __init__(self, content: bytes, number: int) -> None:
        this, flags, lower, upper = _HEADER.unpack_from(content)
        if this != number or flags not in (_BRANCH, _LEAF):
            raise DamagedError(f"page {number}: expected a branch or a leaf, got page {this} with flags {flags:#x}")
        if lower % 2 or not HEADER_BYTES < lower <= upper <= len(content):
            raise DamagedError(f"page {number}: expected nodes within the page, got {lower} and {upper}")
        self._content, self._number, self.is_leaf = content, number, flags == _LEAF
        self._is_checked = False
        self._offsets = struct.unpack_from(f"<{(lower - HEADER_BYTES) // 2}H", content, HEADER_BYTES)
        if min(self._offsets) < upper or max(self._offsets) > len(content) - _NODE.size:
            raise DamagedError(f"page {number}: expected nodes from {upper} on, got others")

    def child(self, key: bytes) -> tuple[int, bytes, bytes | None]:
        """Give the page below a branch that leads to a key, and the keys between which all of it lies."""
        index = bisect_right(self._offsets, key, lo=1, key=self._key) - 1  # the first key means: all that are less
        low, high, further, _ = _NODE.unpack_from(self._content, self._offsets[index])
        below, *above = map(self._key, self._offsets[index : index + 2])
        return low | high << 16 | further << 32, below if index else b"", above[0] if above else None

    def value_of(self, key: bytes) -> "bytes | Overflow | None":
        """Give the value in a leaf, or where it is."""
        index = bisect_right(self._offsets, key, key=self._key) - 1
        if index < 0 or self._key(self._offsets[index]) != key:
            return None
        offset = self._offsets[index]
        low, high, flags, key_size = _NODE.unpack_from(self._content, offset)
        size, begin = low | high << 16, offset + _NODE.size + key_size
        item = self._content[begin : begin + (8 if flags == _BIG else size)]
        if flags == _BIG and len(item) == 8:
            return Overflow(int.from_bytes(item, "little"), size)
        if flags != _PLAIN or len(item) != size:
            raise DamagedError(f"page {self._number}: expected a value of {size} bytes, got flags {flags:#x}")
        return item

    def check(self, low: bytes, high: bytes | None) -> None:
        """Make sure that the keys are those that belong here, before it is said which are not among them."""
        if self._is_checked:
            return
        content = self._content  # the same as `_key` gives, three times as fast
        keys = [content[at + 8 : at + 8 + content[at + 6] + (content[at + 7] << 8)] for at in self._offsets]
        if not self.is_leaf:
            del keys[0]
        if not all(map(lt, keys, keys[1:])):
            raise DamagedError(f"page {self._number}: expected keys in their order")
        if keys and (keys[0] < low or (high is not None and keys[-1] >= high)):
            raise DamagedError(f"page {self._number}: expected keys of this page, got those of another")
        self._is_checked = True

    def _key(self, offset: int) -> bytes:
        size: int = _NODE.unpack_from(self._content, offset)[3]
        return self._content[offset + _NODE.size : offset + _NODE.size + size]


class Overflow(NamedTuple):
    """A value too long for a leaf: its pages stand one behind the other."""

    page: int
    length: int

    def check(self, header: bytes, page_size: int) -> None:
        this, flags = struct.unpack_from("<QxxH", header.ljust(HEADER_BYTES, b"\0"))
        (pages,) = struct.unpack_from("<I", header.ljust(HEADER_BYTES, b"\0"), 12)
        if (this, flags) != (self.page, _OVERFLOW) or pages * page_size < HEADER_BYTES + self.length:
            raise DamagedError(f"page {self.page}: expected overflow pages, got page {this} with flags {flags:#x}")
