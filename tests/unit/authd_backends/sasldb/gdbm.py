"""GDBM files made by its own library, as saslpasswd2 makes them on RHEL and Fedora."""

import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.servers import packages

_CREATE, _REPLACE = 2, 1  # gdbm.h: GDBM_WRCREAT, GDBM_REPLACE


class _Datum(ctypes.Structure):
    _fields_ = (("dptr", ctypes.c_char_p), ("dsize", ctypes.c_int))


def put(path: Path, records: Mapping[bytes, bytes], *, block_size: int = 0) -> None:
    """Add or change records; the file is made where there is none. Sizes below 512 mean that of the file system."""
    with _opened(path, block_size) as (library, database):
        for key, value in records.items():
            assert library.gdbm_store(database, _Datum(key, len(key)), _Datum(value, len(value)), _REPLACE) == 0


def delete(path: Path, keys: Iterable[bytes]) -> None:
    with _opened(path) as (library, database):
        for key in keys:
            assert library.gdbm_delete(database, _Datum(key, len(key))) == 0


@contextmanager
def _opened(path: Path, block_size: int = 0) -> Iterator[tuple[Any, int]]:
    library = _library()
    database = library.gdbm_open(os.fsencode(path), block_size, _CREATE, 0o660, None)
    assert database, "gdbm_open"
    try:
        yield library, database
    finally:
        library.gdbm_close(database)


@cache
def _library() -> ctypes.CDLL:
    """Give the machine's, or Debian's package unpacked."""
    try:
        library = ctypes.CDLL("libgdbm.so.6")
    except OSError:
        [folder] = packages.unpack("libgdbm6")
        library = ctypes.CDLL(os.fspath(next(folder.glob("usr/lib/*/libgdbm.so.6"))))
    library.gdbm_open.restype = ctypes.c_void_p
    library.gdbm_open.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    library.gdbm_store.argtypes = (ctypes.c_void_p, _Datum, _Datum, ctypes.c_int)
    library.gdbm_delete.argtypes = (ctypes.c_void_p, _Datum)
    library.gdbm_close.argtypes = (ctypes.c_void_p,)
    return library
