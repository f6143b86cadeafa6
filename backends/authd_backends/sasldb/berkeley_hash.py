"""Berkeley DB's hash files, read without its library.

The library trusts what it reads. Of 8,000 damaged files 26 ended the process with SIGSEGV, and from 1,900 others users
had vanished without a word; `DB.verify` takes half a second for a million users and prints their passwords. Here every
page is checked before it is believed, what a lookup reads is bounded, and pages are read anew each time, so that no
answer is older than its question. The files have no checksums: changed bytes within a name still make it another name.
"""

import os

from authd_backends.sasldb.database import MAX_ITEM, DamagedError
from authd_backends.sasldb.pages import (
    KEYDATA,
    METADATA_BYTES,
    OFFPAGE,
    HashPage,
    Metadata,
    OffPage,
    OverflowPage,
)

MAX_CHAIN = 32  # pages of one bucket; with a million users they have at most 2

_FEW = 16  # keys; of the files with more, 1 in 65,536 has none of them in one of two buckets


class HashFile:
    """An open file. It is laid as it was when it was opened: after a write it is to be opened anew."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Take over the descriptor of a file of `size` bytes. Raises DamagedError, OSError, and takes nothing over."""
        self._descriptor = descriptor
        self._metadata = Metadata.of(os.pread(descriptor, METADATA_BYTES, 0))
        expected = (self._metadata.last_page + 1) * self._metadata.page_size
        if size < expected:
            raise DamagedError(f"expected {expected} bytes, got {size}: it is cut off")
        self._is_new = self._metadata.max_bucket == 1 and self._metadata.keys <= _FEW

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None where what was read is whole and holds no such key.

        Raises DamagedError, OSError.
        """
        bucket = self._bucket(key)
        previous, number = 0, self._metadata.first_page(bucket)
        passed: list[HashPage] = []
        while number and len(passed) < MAX_CHAIN:
            content = self._read(number)
            if self._is_new and not passed and content == bytes(len(content)):
                break  # of a new file's two buckets the library writes the first when its first key comes
            page = HashPage(content, number, previous, self._metadata.order)
            item = self._find(page, key)
            if item is not None:
                return self._bytes_of(item)
            passed.append(page)
            previous, number = number, page.next_page
        self._check(passed, bucket)
        return None

    def close(self) -> None:
        os.close(self._descriptor)

    def _bucket(self, key: bytes) -> int:
        bucket = hash_of(key) & self._metadata.high_mask
        return bucket if bucket <= self._metadata.max_bucket else bucket & self._metadata.low_mask

    def _read(self, number: int) -> bytes:
        size = self._metadata.page_size
        if not 0 < number <= self._metadata.last_page:
            raise DamagedError(f"page number: expected 1 to {self._metadata.last_page}, got {number}")
        content = os.pread(self._descriptor, size, number * size)
        if len(content) != size:
            raise DamagedError(f"page {number}: expected {size} bytes, got {len(content)}")
        return content

    def _find(self, page: HashPage, key: bytes) -> bytes | None:
        """Give the value's item."""
        if len(key) <= self._metadata.page_size // 4:  # dbinc/hash.h, ISBIG
            return page.value_of(KEYDATA + key)
        for index in range(0, page.items, 2):
            item = page.item(index)
            if item[:1] == OFFPAGE and self._off_page(item).length == len(key) and self._long(item) == key:
                return page.item(index + 1)
        return None

    def _check(self, chain: list[HashPage], bucket: int) -> None:
        """Make sure that the pages are a whole bucket, before it is said that it has no such key."""
        if len(chain) == MAX_CHAIN and chain[-1].next_page:
            raise DamagedError(f"bucket {bucket}: expected at most {MAX_CHAIN} pages, got more")
        for page in chain:
            page.check()
            first = page.item(0) if page.items else b""
            if first[:1] == KEYDATA and self._bucket(first[1:]) != bucket:
                raise DamagedError(f"bucket {bucket}: expected keys of this bucket, got one of another")

    def _bytes_of(self, item: bytes) -> bytes:
        if item[:1] == KEYDATA:
            return item[1:]
        if item[:1] == OFFPAGE:
            return self._long(item)
        raise DamagedError(
            f"item: expected the bytes or where they are (type 1 or 3), got {item[:1].hex() or 'nothing'}"
        )

    def _off_page(self, item: bytes) -> OffPage:
        return OffPage.of(item, self._metadata.order)

    def _long(self, item: bytes) -> bytes:
        number, length = self._off_page(item)
        if length > MAX_ITEM:
            raise DamagedError(f"overflow item: expected at most {MAX_ITEM} bytes, got {length}")
        found = b""
        while len(found) < length:
            page = OverflowPage.of(self._read(number), number, self._metadata.order)
            found, number = found + page.piece, page.next_page
        if len(found) != length:
            raise DamagedError(f"overflow item: expected {length} bytes, got {len(found)}")
        return found


def hash_of(key: bytes) -> int:
    """Give Fowler, Noll and Vo's hash FNV-1, beginning with 0 (hash/hash_func.c, `__ham_func5`)."""
    value = 0
    for byte in key:
        value = value * 16777619 & 0xFFFFFFFF ^ byte
    return value
