"""Pages from bytes: what is not whole is damage, and nothing else happens."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from berkeleydb import db
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.sasldb.database import DamagedError
from authd_backends.sasldb.pages import (
    METADATA_BYTES,
    HashPage,
    Metadata,
    OffPage,
    OverflowPage,
)
from tests.unit.authd_backends.sasldb import databases
from tests.unit.authd_backends.sasldb.databases import PAGE

HEADER = struct.Struct("<8xIIIHHBB")  # number, previous, next, entries, lowest, level, type


def a_hash_page(following: int, entries: int, lowest: int, rest: bytes) -> bytes:
    return HEADER.pack(1, 0, following, entries, lowest, 0, 13) + rest.ljust(512 - HEADER.size, b"\1")


hash_pages = st.builds(
    a_hash_page,
    following=st.integers(0, 9),
    entries=st.integers(0, 300),
    lowest=st.integers(0, 600),
    rest=st.binary(max_size=512 - HEADER.size),
)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    path = tmp_path / "sasldb2"
    databases.put(path, {f"key{number}".encode(): b"value" for number in range(300)})
    return path.read_bytes()


def test_the_first_page_says_how_the_others_are_laid(content: bytes) -> None:
    metadata = Metadata.of(content[:METADATA_BYTES])

    assert metadata.page_size == PAGE
    assert (metadata.last_page + 1) * PAGE == len(content)
    assert metadata.keys == 300


@pytest.mark.parametrize(
    ("offset", "byte", "expected"),
    [
        (8, 1, "a metadata page"),
        (12, 0, "a page that begins a hash file"),
        (16, 6, "file version 7 to 9"),
        (21, 0x18, "pages of 512 to 65536 bytes"),
        (24, 1, "no encryption"),
        (25, 9, "a metadata page"),
        (26, 1, "no checksums and no partitions"),
        (48, 1, "a single database without duplicates"),
        (76, 0x0E, "masks of ones"),
        (72, 0xFF, "masks for the buckets"),
        (92, 0, "Berkeley DB's own hash function"),
    ],
)
def test_what_is_laid_otherwise_is_named(content: bytes, offset: int, byte: int, expected: str) -> None:
    changed = content[:offset] + bytes((byte,)) + content[offset + 1 : METADATA_BYTES]

    with pytest.raises(DamagedError, match=f"metadata: expected {expected}"):
        Metadata.of(changed)


@pytest.mark.parametrize(
    ("flags", "name", "expected"),
    [
        (db.DB_CHKSUM, None, "no checksums"),
        (db.DB_DUP, None, "without duplicates"),
        (0, "inner", "a page that begins a hash file|a single database"),
    ],
)
def test_a_database_that_cyrus_does_not_make_is_refused(
    tmp_path: Path, flags: int, name: str | None, expected: str
) -> None:
    databases.make(tmp_path / "other", flags=flags, name=name)

    with pytest.raises(DamagedError, match=expected):
        Metadata.of((tmp_path / "other").read_bytes()[:METADATA_BYTES])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_first_page_or_damaged(content: bytes) -> None:
    with suppress(DamagedError):
        Metadata.of(content)


@given(hash_pages | st.binary(min_size=512, max_size=512), st.binary(max_size=20))
def test_any_bytes_are_a_hash_page_or_damaged(content: bytes, sought: bytes) -> None:
    with suppress(DamagedError):
        page = HashPage(content, 1, 0, "<")
        found = page.value_of(sought)
        page.check()
        items = [page.item(index) for index in range(page.items)]
        assert (found is not None) == (sought in items[::2])
        assert all(items)


@given(st.binary(min_size=512, max_size=512), st.binary(max_size=20))
def test_any_bytes_are_an_overflow_page_or_damaged(content: bytes, item: bytes) -> None:
    with suppress(DamagedError):
        OverflowPage.of(content, int.from_bytes(content[8:12], "little"), "<")
    with suppress(DamagedError):
        OffPage.of(item, "<")
