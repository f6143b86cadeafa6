"""The pages of Berkeley DB's hash files (file versions 7 to 9: Berkeley DB 3.1 to 5.3), from bytes and checked.

The layout is that of Berkeley DB's dbinc/db_page.h. Nothing here raises anything but DamagedError, whatever the bytes.
"""

import struct
import sys
from array import array
from functools import lru_cache
from operator import gt
from typing import NamedTuple

METADATA_BYTES = 224
KEYDATA, OFFPAGE = 1, 3  # item types: the bytes themselves; where on overflow pages they begin

_BYTE_ORDERS = {b"\x61\x15\x06\x00": "<", b"\x00\x06\x15\x61": ">"}  # the magic number as it lies in the file
_NATIVE = "<" if sys.byteorder == "little" else ">"
_VERSIONS = (7, 8, 9)
_HASH_METADATA, _OVERFLOW, _HASH = 8, 7, (2, 13)  # page types; 2 is the unsorted page of versions 7 and 8
_HASH_OF_CHARKEY = 0x5E688DD1  # of "%$sniglet^&" and a NUL: a database with a hash function of its own has another
_HEADER_BYTES = 26  # of each page but the first


class DamagedError(Exception):
    """The file is not a whole hash database; the text says what was expected."""


class Metadata(NamedTuple):
    """The first page: how the others are laid."""

    order: str  # of the bytes, as `struct` writes it
    page_number: int
    version: int
    page_size: int
    encryption: int
    page_type: int
    meta_flags: int
    last_page: int
    partitions: int
    flags: int
    max_bucket: int
    high_mask: int
    low_mask: int
    keys: int
    charkey: int
    spares: tuple[int, ...]  # pages before the buckets of each power of two, beside these

    @classmethod
    @lru_cache(maxsize=4)  # the same bytes at nearly each lookup
    def of(cls, content: bytes) -> "Metadata":
        """Read the first `METADATA_BYTES` of a file."""
        order = _BYTE_ORDERS.get(content[12:16])
        if order is None or len(content) < METADATA_BYTES:
            raise DamagedError("metadata: expected a page that begins a hash file")
        *fields, spares = struct.unpack_from(order + "8xI4xIIBBBx4xII8xI20xIII4xII128s", content)
        metadata = cls._make((order, *fields, struct.unpack(order + "32I", spares)))
        metadata.check()
        return metadata

    def check(self) -> None:
        """Make sure that it is a database of the kind that is read here."""
        size, high, low = self.page_size, self.high_mask, self.low_mask
        demands = {
            "a metadata page": (self.page_number, self.page_type) == (0, _HASH_METADATA),
            f"file version {_VERSIONS[0]} to {_VERSIONS[-1]}": self.version in _VERSIONS,
            "pages of 512 to 65536 bytes": 512 <= size <= 65536 and size & (size - 1) == 0,
            "no encryption": self.encryption == 0,
            "no checksums and no partitions": self.meta_flags == 0 and self.partitions == 0,
            "a single database without duplicates": self.flags == 0,
            "Berkeley DB's own hash function": self.charkey == _HASH_OF_CHARKEY,
            "masks of ones": high & (high + 1) == 0 and low == high >> 1,
            "masks for the buckets": low < self.max_bucket <= high < 2**31,
        }
        for demand, met in demands.items():
            if not met:
                raise DamagedError(f"metadata: expected {demand}")

    def first_page(self, bucket: int) -> int:
        return bucket + self.spares[bucket.bit_length()]


class HashPage(NamedTuple):
    """A page of a bucket."""

    content: bytes
    next_page: int  # 0: none
    offsets: "array[int]"  # of the items, key and value in turn, from the page's end downwards

    @classmethod
    def of(cls, content: bytes, number: int, previous: int, order: str) -> "HashPage":
        """Read the page `number`, expected behind the page `previous`, which is 0 for a bucket's first."""
        this, before, behind, entries, lowest, page_type = struct.unpack_from(order + "8xIIIHHxB", content)
        if (this, before) != (number, previous) or page_type not in _HASH:
            raise DamagedError(f"page {number}: expected a hash page, got page {this} of type {page_type}")
        end = _HEADER_BYTES + 2 * entries
        if entries % 2 or not end <= lowest <= len(content):
            raise DamagedError(f"page {number}: expected pairs within the page, got {entries} items from {lowest} on")
        offsets = array("H", content[_HEADER_BYTES:end])
        if order != _NATIVE:
            offsets.byteswap()
        if entries and not lowest == offsets[-1] <= offsets[0] < len(content):
            raise DamagedError(f"page {number}: expected items from {lowest} on, got {offsets[-1]}")
        return cls(content, behind, offsets)

    def item(self, index: int) -> bytes:
        """Give the item's type byte and what follows it."""
        end = self.offsets[index - 1] if index else len(self.content)
        return self.content[self.offsets[index] : end]

    def find(self, item: bytes) -> int | None:
        """Give the index of a key's item."""
        at = self.content.find(item, _HEADER_BYTES)
        while at >= 0:
            if at in self.offsets:
                index = self.offsets.index(at)
                if index % 2 == 0 and self.item(index) == item:
                    return index
            at = self.content.find(item, at + 1)
        return None

    def check(self) -> None:
        """Make sure that the page is whole, before it is said what is not in it."""
        if not all(map(gt, self.offsets, self.offsets[1:])):
            raise DamagedError("hash page: expected items one behind the other")
        if not {self.content[offset] for offset in self.offsets} <= {KEYDATA, OFFPAGE}:
            raise DamagedError(f"hash page: expected plain items (types {KEYDATA} and {OFFPAGE})")


class OffPage(NamedTuple):
    """An item that is too long for a hash page: where its bytes are."""

    page: int
    length: int

    @classmethod
    def of(cls, item: bytes, order: str) -> "OffPage":
        if len(item) != 12:
            raise DamagedError(f"overflow item: expected 12 bytes, got {len(item)}")
        return cls._make(struct.unpack_from(order + "II", item, 4))


class OverflowPage(NamedTuple):
    """A piece of a long item."""

    next_page: int
    piece: bytes

    @classmethod
    def of(cls, content: bytes, number: int, order: str) -> "OverflowPage":
        this, behind, used, page_type = struct.unpack_from(order + "8xI4xI2xHxB", content)
        if (this, page_type) != (number, _OVERFLOW) or not 0 < used <= len(content) - _HEADER_BYTES:
            raise DamagedError(f"page {number}: expected an overflow page, got page {this} of type {page_type}")
        return cls(behind, content[_HEADER_BYTES : _HEADER_BYTES + used])
