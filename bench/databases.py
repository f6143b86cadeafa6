"""The same users in the files of both backends: ``user0``, ``user1`` … with ``secret0``, ``secret1`` …"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from berkeleydb import db

from authd_backends.hashes.libcrypt import hashed
from bench.generator import REALM
from tests.servers.box import Box

PASSWORD = "secret"  # of every system user
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


def write_table(path: Path, users: int) -> None:
    """Write the same into a table of SQLite, made in memory: SQLite follows a box's link to its files to ours."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE users (login TEXT PRIMARY KEY, password TEXT) WITHOUT ROWID")
        rows = ((f"user{number}", f"secret{number}") for number in range(users))
        database.executemany("INSERT INTO users VALUES (?, ?)", rows)
        database.commit()
        path.write_bytes(database.serialize())


def write_system_users(box: Box, path: str, users: int) -> str:
    """Add them to the box, all with the password `PASSWORD`, and to a passwd-file; give their hash."""
    stored = hashed(PASSWORD.encode(), "$y$j9T$saltsaltsaltsalt")  # as Debian makes it
    numbers = range(users)
    ids = "".join(f"user{number}:x:{5000 + number}:5000::/:/bin/sh\n" for number in numbers)
    shadow = "".join(f"user{number}:{stored}:20000:0:99999:7:::\n" for number in numbers)
    box.write("/etc/passwd", box.read("/etc/passwd") + ids)
    box.write("/etc/shadow", box.read("/etc/shadow") + shadow, mode=0o640, group="shadow")
    box.write(path, "".join(f"user{number}:{stored}\n" for number in numbers), mode=0o640, group="sasl")
    return stored
