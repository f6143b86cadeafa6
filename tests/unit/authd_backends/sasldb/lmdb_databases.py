"""LMDB files made by py-lmdb, as saslpasswd2 of Cyrus SASL's development branch makes them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lmdb


def put(path: Path, records: Mapping[bytes, bytes]) -> None:
    """Add or change records; the file is made where there is none."""
    with _opened(path) as environment, environment.begin(write=True) as transaction:
        for key, value in records.items():
            transaction.put(key, value)


def delete(path: Path, keys: Iterable[bytes]) -> None:
    with _opened(path) as environment, environment.begin(write=True) as transaction:
        for key in keys:
            transaction.delete(key)


@contextmanager
def _opened(path: Path) -> Iterator[lmdb.Environment]:
    environment = lmdb.open(os.fspath(path), subdir=False, map_size=1 << 31, mode=0o660)
    try:
        yield environment
    finally:
        environment.close()
