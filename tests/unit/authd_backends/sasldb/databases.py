"""Berkeley DB files made by Berkeley DB's own library, as saslpasswd2 makes them."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from berkeleydb import db

PAGE = 4096  # bytes, as on Debian


def user_key(user: str, realm: str) -> bytes:
    return f"{user}\0{realm}\0userPassword".encode()


def put(path: Path, records: Mapping[bytes, bytes], *, page_size: int = PAGE, byte_order: int = 1234) -> None:
    """Add or change records; the file is made where there is none."""

    def lay_out(database: Any) -> None:
        if not path.exists():
            database.set_pagesize(page_size)
            database.set_lorder(byte_order)

    _change(path, lay_out, lambda database: [database.put(key, value) for key, value in records.items()])


def delete(path: Path, keys: Iterable[bytes]) -> None:
    _change(path, lambda _: None, lambda database: [database.delete(key) for key in keys])


def make(path: Path, *, flags: int = 0, name: str | None = None, kind: int = db.DB_HASH) -> None:
    """Make a file of one record that saslpasswd2 would not make."""
    _change(path, lambda database: database.set_flags(flags), lambda database: database.put(b"k", b"v"), name, kind)


def _change(
    path: Path,
    lay_out: Callable[[Any], object],
    change: Callable[[Any], object],
    name: str | None = None,
    kind: int = db.DB_HASH,
) -> None:
    database = db.DB()
    lay_out(database)
    database.open(os.fspath(path), name, kind, db.DB_CREATE, 0o660)
    change(database)
    database.close()
