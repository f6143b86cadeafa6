"""The same users in the files of both backends: ``user0``, ``user1`` … with ``secret0``, ``secret1`` …"""

import os
from pathlib import Path

from berkeleydb import db

from bench.generator import REALM

_CACHE = 256 << 20  # bytes: a million users in seconds


def write_sasldb(path: Path, users: int) -> None:
    """Write it as saslpasswd2 does, of which a million runs would take an hour."""
    database = db.DB()
    database.set_cachesize(0, _CACHE)
    database.open(os.fspath(path), None, db.DB_HASH, db.DB_CREATE, 0o660)
    for number in range(users):
        database.put(f"user{number}\0{REALM}\0userPassword".encode(), b"secret%d" % number)
    database.close()


def write_passwd_file(path: Path, users: int) -> None:
    """Write passwords that are not hashed, so that finding the row is what is measured."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"user{number}:{{PLAIN}}secret{number}\n" for number in range(users))
