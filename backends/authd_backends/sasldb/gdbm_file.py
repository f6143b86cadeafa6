"""GDBM's files, read without its library.

The library locks a file against writers for as long as a reader has it open, and without that (GDBM_NOLOCK) trusts
what it maps: from 279 of 700 damaged files users had vanished without a word, from 13 they came with another password.
Here every part is checked before it is believed, what a lookup reads is bounded, and it is read anew each time. The
files have no checksums: a hash that was changed into another of its bucket still hides its user.

The layout is that of gdbm's gdbmdefs.h (1.8 to 1.23), in the byte order that its library asks for: the machine's own,
of which little endian is read here.
"""

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from authd_backends.sasldb.database import MAX_ITEM, DamagedError

HEADER_BYTES = 40

# gdbmconst.h: 1.8 and before, 64 bits, 64 bits with a counter of syncs. Files with offsets of 32 bits have others, and
# are refused by the library of 64-bit machines too.
_MAGICS = (0x13579ACE, 0x13579ACF, 0x13579AD1)
_HEADER = struct.Struct("<IIQIIII")
_BUCKET = struct.Struct("<8x96xii")  # free room of its own, then bits and count, which the places follow
_ELEMENT = struct.Struct("<I4sQII")  # hash, key's begin, where, sizes of key and value
_MAX_BITS = 24  # of the directory, 128 MB: a bucket has 166 places
_MAX_BLOCK = 1 << 20  # bytes: that of the file system
_NONE = 0xFFFFFFFF  # the hash of an empty place
_HASH_BITS = 31
_POINTER = 8  # bytes


class Element(NamedTuple):
    """Where a key and its value are."""

    begins: bytes
    offset: int
    key_size: int
    value_size: int


class Header(NamedTuple):
    """The beginning of the file: where the directory of buckets is, and how large they are."""

    magic: int
    block_size: int
    directory: int
    directory_size: int
    bits: int
    bucket_size: int
    places: int

    @classmethod
    def of(cls, content: bytes, size: int) -> "Header":
        """Read the first `HEADER_BYTES` of a file of `size` bytes."""
        if len(content) == HEADER_BYTES:
            header = cls._make(_HEADER.unpack_from(content))
            if header.is_sound(size):
                return header
        raise DamagedError("header: expected that of a GDBM file of a 64-bit machine, with a directory and buckets")

    def is_sound(self, size: int) -> bool:
        """Tell whether the parts fit each other, and a file of `size` bytes."""
        room = self.bucket_size - _BUCKET.size
        return (
            self.magic in _MAGICS
            and 512 <= self.block_size <= _MAX_BLOCK
            and self.bucket_size == self.block_size
            and self.places == room // _ELEMENT.size > 0
            and 0 < self.bits <= _MAX_BITS
            and self.directory_size == _POINTER << self.bits
            and self.directory >= self.block_size
            and self.directory + self.directory_size <= size
        )


class Bucket:
    """Places for elements, of which each stands in the one that its hash names, or in the next that was free."""

    __slots__ = ("_content", "_count", "_hashes", "address", "bits")

    def __init__(self, content: bytes, address: int, header: Header) -> None:
        self.address = address
        self._content = content
        self.bits, self._count = _BUCKET.unpack_from(content)
        table = array("I", content[_BUCKET.size : _BUCKET.size + header.places * _ELEMENT.size])
        if sys.byteorder == "big":
            table.byteswap()
        self._hashes = table[:: _ELEMENT.size // table.itemsize]

    def elements(self, value: int) -> Iterator[Element]:
        """Give those with a hash."""
        for place, known in enumerate(self._hashes) if value in self._hashes else ():
            if known == value:
                yield Element._make(_ELEMENT.unpack_from(self._content, _BUCKET.size + place * _ELEMENT.size)[1:])

    def check(self, value: int) -> None:
        """Make sure that it is whole and the one for a hash, before it is said what is not in it."""
        in_order = sorted(self._hashes)
        taken, free = in_order[: self._count], in_order[self._count :]
        if not 0 <= self._count <= len(in_order) or _NONE in taken[-1:] or free[:1] not in ([_NONE], []):
            raise DamagedError(f"bucket at {self.address}: expected {self._count} elements, got more or fewer")
        unused = _HASH_BITS - self.bits
        if any(known >> unused != value >> unused for known in (*taken[:1], *taken[-1:])):
            raise DamagedError(f"bucket at {self.address}: expected elements of its own, got one of another")


class GdbmFile:
    """An open file, without a lock."""

    def __init__(self, descriptor: int) -> None:
        """Take over the descriptor. Raises DamagedError, OSError, and takes nothing over."""
        self._descriptor = descriptor
        self._see()

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None where what was read is whole and holds no such key.

        Raises DamagedError, OSError.
        """
        self._see()
        found = self._find(key, hash_of(key))
        if found is None and not key.isascii():
            return self._find(key, hash_of(key, signed=False))
        return found

    def close(self) -> None:
        os.close(self._descriptor)

    def _see(self) -> None:
        """Take up how the file is laid, each time: the library writes by mmap, which a time of change may not show."""
        self._size = os.fstat(self._descriptor).st_size
        self._header = Header.of(os.pread(self._descriptor, HEADER_BYTES, 0), self._size)

    def _find(self, key: bytes, value: int) -> bytes | None:
        index = value >> (_HASH_BITS - self._header.bits)
        bucket = self._bucket(self._entries(index, 1)[0])
        for element in bucket.elements(value):
            known, stored = self._item(element)
            if known == key:
                return stored
            if value not in (hash_of(known), hash_of(known, signed=False)):
                raise DamagedError(f"item at {element.offset}: expected a key of the hash that leads to it")
        self._check_directory(index, bucket)
        bucket.check(value)
        return None

    def _entries(self, index: int, count: int) -> tuple[int, ...]:
        """Give entries of the directory; none beyond its ends."""
        first, behind = max(index, 0), min(index + count, 1 << self._header.bits)
        content = self._read((behind - first) * _POINTER, self._header.directory + first * _POINTER)
        return struct.unpack(f"<{behind - first}Q", content)

    def _bucket(self, address: int) -> Bucket:
        return Bucket(self._read(self._header.bucket_size, address), address, self._header)

    def _item(self, element: Element) -> tuple[bytes, bytes]:
        """Give key and value, which stand one behind the other."""
        if max(element.key_size, element.value_size) > MAX_ITEM:
            raise DamagedError(f"item at {element.offset}: expected a key and a value of at most {MAX_ITEM} bytes")
        item = self._read(element.key_size + element.value_size, element.offset)
        key = item[: element.key_size]
        if element.begins[: len(key)] != key[: len(element.begins)]:
            raise DamagedError(f"item at {element.offset}: expected the key that the bucket names")
        return key, item[element.key_size :]

    def _read(self, size: int, offset: int) -> bytes:
        inside = self._header.block_size <= offset <= self._size - size
        content = os.pread(self._descriptor, size, offset) if inside else b""
        if len(content) != size:
            raise DamagedError(f"expected {size} bytes at {offset}, got {len(content)}: is it cut off?")
        return content

    def _check_directory(self, index: int, bucket: Bucket) -> None:
        """Make sure that all entries of a bucket lead to it, and those beside them elsewhere."""
        unused = self._header.bits - bucket.bits
        if not 0 <= unused <= self._header.bits:
            raise DamagedError(f"bucket at {bucket.address}: expected 0 to {self._header.bits} bits, got {bucket.bits}")
        first = index >> unused << unused
        below, above = self._entries(first - 1, 2), self._entries(first + (1 << unused) - 1, 2)
        if (below[-1], above[0]) != (bucket.address,) * 2 or bucket.address in (*below[:-1], *above[1:]):
            raise DamagedError(f"directory: expected all entries of the bucket at {bucket.address} beside each other")


def hash_of(key: bytes, *, signed: bool = True) -> int:
    """Give GDBM's own hash (hash.c). Its bytes are C's `char`, which has a sign on some machines."""
    value = 0x238F13AF * len(key)
    for index, byte in enumerate(key):
        value = value + ((byte - 256 if signed and byte > 127 else byte) << index * 5 % 24) & 0x7FFFFFFF
    return 1103515243 * value + 12345 & 0x7FFFFFFF
