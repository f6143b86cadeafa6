"""LMDB's pages from bytes: what is not whole is damage, and nothing else happens."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.sasldb.database import DamagedError
from authd_backends.sasldb.lmdb_pages import META_BYTES, Meta, Overflow, TreePage, newest
from tests.unit.authd_backends.sasldb import lmdb_databases


@pytest.fixture
def metas(tmp_path: Path) -> tuple[bytes, bytes]:
    """The two of a file in which two transactions have ended."""
    for number in range(2):
        lmdb_databases.put(tmp_path / "sasldb2", {b"%d" % each: b"value" for each in range(number * 300)})
    content = (tmp_path / "sasldb2").read_bytes()
    return content[:META_BYTES], content[4096 : 4096 + META_BYTES]


def test_the_last_transaction_counts(metas: tuple[bytes, bytes]) -> None:
    meta = newest(*metas)

    assert meta.entries == 300
    assert meta.transaction == max(Meta.of(metas[number], number).transaction for number in range(2))


@pytest.mark.parametrize(
    ("offset", "byte", "expected"),
    [
        (10, 1, "one of LMDB 0.9"),
        (16, 0, "one of LMDB 0.9"),
        (20, 2, "one of LMDB 0.9"),
        (40, 1, "pages of 512 to 65536 bytes"),
        (92, 4, "a database without duplicates"),
        (94, 17, "a depth of at most 16"),
        (94, 0, "records or none"),
        (143, 1, "pages that a file can have"),
        (144, 7, "two transactions|the transactions of its turn"),
    ],
)
def test_what_is_laid_otherwise_is_named(metas: tuple[bytes, bytes], offset: int, byte: int, expected: str) -> None:
    number = max(range(2), key=lambda each: Meta.of(metas[each], each).transaction)
    changed = bytearray(metas[number])
    changed[offset] = byte

    with pytest.raises(DamagedError, match=expected):
        newest(*(bytes(changed) if each == number else metas[each] for each in range(2)))


@given(st.binary(max_size=META_BYTES + 8), st.sampled_from([0, 1]))
def test_any_bytes_are_a_meta_page_or_damaged(content: bytes, number: int) -> None:
    with suppress(DamagedError):
        Meta.of(content, number)


headers = st.tuples(st.sampled_from([1, 2]), st.integers(16, 60), st.integers(16, 512)).map(
    lambda each: (
        (5).to_bytes(8, "little") + bytes(2) + b"".join(number.to_bytes(2, "little") for number in each) + bytes(496)
    )
)


@given(headers, st.binary(max_size=496), st.binary(max_size=20))
def test_any_bytes_are_a_tree_page_or_damaged(header: bytes, rest: bytes, key: bytes) -> None:
    with suppress(DamagedError):
        page = TreePage(header[:16] + rest.ljust(496, b"\x20"), 5)
        page.value_of(key) if page.is_leaf else page.child(key)
        page.check(b"", None)


@given(st.binary(max_size=16), st.integers(2, 9), st.integers(0, 9000))
def test_any_bytes_begin_overflow_pages_or_are_damaged(header: bytes, page: int, length: int) -> None:
    with suppress(DamagedError):
        Overflow(page, length).check(header, 4096)
