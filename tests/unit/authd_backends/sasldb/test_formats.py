"""What a file is taken for."""

import dbm.dumb
from pathlib import Path

import pytest
from berkeleydb import db
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.sasldb.formats import HEAD_BYTES, Format, recognise
from tests.unit.authd_backends.sasldb import databases


def test_the_file_of_saslpasswd2_is_a_hash_of_berkeley_db(tmp_path: Path) -> None:
    databases.put(tmp_path / "sasldb2", {b"key": b"value"})

    assert recognise((tmp_path / "sasldb2").read_bytes()[:HEAD_BYTES]) is Format.BERKELEY_HASH


def test_so_is_one_of_a_machine_with_the_other_byte_order(tmp_path: Path) -> None:
    databases.put(tmp_path / "sasldb2", {b"key": b"value"}, byte_order=4321)

    assert recognise((tmp_path / "sasldb2").read_bytes()[:HEAD_BYTES]) is Format.BERKELEY_HASH


def test_a_btree_is_not_a_hash(tmp_path: Path) -> None:
    databases.make(tmp_path / "btree", kind=db.DB_BTREE)

    assert recognise((tmp_path / "btree").read_bytes()) is Format.BERKELEY_OTHER


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (bytes.fromhex("ce9a5713 00100000"), Format.GDBM),  # as gdbm 1.8 wrote it
        (bytes.fromhex("cf9a5713 00100000"), Format.GDBM),  # as gdbm 1.23 does, with offsets of 64 bits
        (bytes.fromhex("139acf13") + b"\0" * 8, Format.UNKNOWN),
        (bytes(16) + bytes.fromhex("dec0efbe 01000000"), Format.LMDB),
        (bytes(12) + bytes.fromhex("dec0efbe 01000000"), Format.LMDB),  # of a machine of 32 bits
        (bytes.fromhex("00061561 00000002"), Format.BERKELEY_1),
        (b"", Format.EMPTY),
        (b"root:x:0:0:root:/root:/bin/bash\n", Format.UNKNOWN),
        (bytes(HEAD_BYTES), Format.UNKNOWN),
        (bytes(12) + bytes.fromhex("6115"), Format.UNKNOWN),  # cut off within the number
    ],
)
def test_a_file_is_known_by_its_magic_number(head: bytes, known: Format) -> None:
    assert recognise(head) is known


def test_a_database_of_python_is_none_of_them(tmp_path: Path) -> None:
    with dbm.dumb.open(str(tmp_path / "sasldb"), "c") as database:
        database[b"key"] = b"value"

    assert recognise((tmp_path / "sasldb.dat").read_bytes()) is Format.UNKNOWN


@given(st.binary(max_size=2 * HEAD_BYTES))
def test_any_bytes_are_something(head: bytes) -> None:
    assert isinstance(recognise(head), Format)
