"""GDBM's header and buckets from bytes: what is not whole is damage, and nothing else happens."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.sasldb.database import DamagedError
from authd_backends.sasldb.gdbm_file import HEADER_BYTES, Bucket, Header
from tests.unit.authd_backends.sasldb import gdbm
from tests.unit.authd_backends.sasldb.test_other_formats import KINDS, USERS, opened

GDBM = KINDS[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    gdbm.put(tmp_path / "sasldb2", USERS)
    return tmp_path / "sasldb2"


def test_the_first_bytes_say_how_the_file_is_laid(path: Path) -> None:
    header = Header.of(path.read_bytes()[:HEADER_BYTES], path.stat().st_size)

    assert header.block_size == header.bucket_size == 4096
    assert header.directory_size == 8 << header.bits


@pytest.mark.parametrize("offset", [*range(4), 4, 5, 14, 15, *range(16, 32)])
def test_a_header_whose_parts_do_not_fit_is_damage(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes()[:HEADER_BYTES])
    content[offset] ^= 0xA5

    with pytest.raises(DamagedError, match="header: expected that of a GDBM file"):
        Header.of(bytes(content), path.stat().st_size)


def test_a_file_of_gdbm_before_1_8_is_read(path: Path) -> None:
    """It differs in its magic number alone."""
    path.write_bytes(bytes.fromhex("ce9a5713") + path.read_bytes()[4:])

    with opened(GDBM, path) as database:
        assert {key: database.get(key) for key in USERS} == USERS


@pytest.mark.parametrize("block_size", [512, 1024, 65536])
def test_blocks_of_any_size_are_read(tmp_path: Path, block_size: int) -> None:
    gdbm.put(tmp_path / "sasldb2", USERS, block_size=block_size)

    with opened(GDBM, tmp_path / "sasldb2") as database:
        assert {key: database.get(key) for key in USERS} == USERS
        assert database.get(b"nobody") is None


@given(st.binary(max_size=HEADER_BYTES), st.integers(0, 1 << 40))
def test_any_bytes_are_a_header_or_damaged(content: bytes, size: int) -> None:
    with suppress(DamagedError):
        Header.of(content, size)


@given(st.binary(max_size=512), st.integers(0, 2**31 - 1))
def test_any_bytes_are_a_bucket_or_damaged(content: bytes, value: int) -> None:
    header = Header(0x13579ACF, 512, 512, 512, 6, 512, 16)
    bucket = Bucket(content.ljust(512, b"\xff"), 512, header)

    bucket.bits = max(0, min(bucket.bits, 31))  # that it is no more is seen before, at the directory
    with suppress(DamagedError):
        list(bucket.elements(value))
        bucket.check(value)
