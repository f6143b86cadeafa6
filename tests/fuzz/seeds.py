"""``python -m tests.fuzz.seeds``: writes the databases with which the search in sasldb's formats begins."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.__main__ import CORPUS
from tests.unit.authd_backends.sasldb import databases, gdbm, lmdb_databases

_RECORDS = {b"alice\0example.org\0userPassword": b"secret", b"bob\0example.org\0PLAIN": b"s" * 16 + b"\0" + b"d" * 16}
_LONG = {b"alice\0example.org\0userPassword": b"x" * 2100}


def main() -> None:
    for name, records in (("two-users", _RECORDS), ("a-long-password", _LONG)):
        with TemporaryDirectory() as directory:
            made = {kind: Path(directory) / kind for kind in ("berkeley", "gdbm", "lmdb")}
            databases.put(made["berkeley"], records, page_size=512)
            gdbm.put(made["gdbm"], records, block_size=512)
            lmdb_databases.put(made["lmdb"], records)
            for kind, path in made.items():
                (CORPUS / kind / name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
