"""The pages of Berkeley DB's hash files (file versions 7 to 9: Berkeley DB 3.1 to 5.3), from bytes and checked.

The layout is that of Berkeley DB's dbinc/db_page.h. Nothing here raises anything but DamagedError, whatever the bytes.
"""

import struct
import sys
from array import array
from operator import gt
from typing import Literal, NamedTuple

from authd_backends.sasldb.database import DamagedError

METADATA_BYTES = 224
KEYDATA, OFFPAGE = b"\1", b"\3"  # item types: the bytes themselves; where on overflow pages they begin

_BYTE_ORDERS = {b"\x61\x15\x06\x00": "<", b"\x00\x06\x15\x61": ">"}  # the magic number as it lies in the file
_VERSIONS = (7, 8, 9)
_HASH_METADATA, _OVERFLOW, _HASH = 8, 7, (2, 13)  # page types; 2 is the unsorted page of versions 7 and 8
_HASH_OF_CHARKEY = 0x5E688DD1  # of "%$sniglet^&" and a NUL: a database with a hash function of its own has another
_HEADER_BYTES = 26  # of each page but the first
_HASH_HEADERS = {order: struct.Struct(order + "8xIIIHHxB") for order in "<>"}


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


class HashPage:
    """A page of a bucket: the offsets of its items, key and value in turn, then free room, then the items backwards.

    An item is a type byte and what follows it.
    """

    __slots__ = ("_byte_order", "_content", "_lowest", "items", "next_page")

    def __init__(self, content: bytes, number: int, previous: int, order: str) -> None:
        """Read the page `number`, expected behind the page `previous`, which is 0 for a bucket's first."""
        this, before, self.next_page, self.items, self._lowest, page_type = _HASH_HEADERS[order].unpack_from(content)
        if this != number or before != previous or page_type not in _HASH:
            raise DamagedError(f"page {number}: expected a hash page, got page {this} of type {page_type}")
        if self.items % 2 or not _HEADER_BYTES + 2 * self.items <= self._lowest <= len(content):
            raise DamagedError(f"page {number}: expected pairs within the page, got {self.items} items")
        self._content = content
        self._byte_order: Literal["little", "big"] = "little" if order == "<" else "big"

    def item(self, index: int) -> bytes:
        """Give an item; nothing where the offsets are wrong."""
        place = _HEADER_BYTES + 2 * index
        return self._content[self._offset(place) : self._offset(place - 2) if index else None]

    def value_of(self, key: bytes) -> bytes | None:
        """Give the value's item of a key's.

        It looks for the key's bytes and then for their offset, which costs a tenth of going through all the offsets.
        """
        content, end = self._content, _HEADER_BYTES + 2 * self.items
        at = content.find(key, self._lowest)
        while at >= 0:
            offset = at.to_bytes(2, self._byte_order)
            place = content.find(offset, _HEADER_BYTES, end)
            while place >= 0:
                key_ends = self._offset(place - 2) if place > _HEADER_BYTES else len(content)
                if (place - _HEADER_BYTES) % 4 == 0 and at + len(key) == key_ends:
                    return content[self._offset(place + 2) : at]
                place = content.find(offset, place + 1, end)
            at = content.find(key, at + 1)
        return None

    def check(self) -> None:
        """Make sure that the page is whole, before it is said what is not in it."""
        offsets = array("H", self._content[_HEADER_BYTES : _HEADER_BYTES + 2 * self.items])
        if self._byte_order != sys.byteorder:
            offsets.byteswap()
        ends = [len(self._content), *offsets]
        if (self.items and offsets[-1] != self._lowest) or not all(map(gt, ends, offsets)):
            raise DamagedError(f"hash page: expected items one behind the other down to {self._lowest}")
        if not {self._content[offset] for offset in offsets} <= {*KEYDATA, *OFFPAGE}:
            raise DamagedError("hash page: expected plain items")

    def _offset(self, place: int) -> int:
        return int.from_bytes(self._content[place : place + 2], self._byte_order)


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
