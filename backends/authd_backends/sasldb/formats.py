"""Which database a file holds, told by its first bytes."""

from enum import Enum

HEAD_BYTES = 64  # enough for every magic number below


class Format(Enum):
    """The databases that a Cyrus sasldb may be, or is taken for; the value names them in messages."""

    BERKELEY_HASH = "a Berkeley DB hash file"
    BERKELEY_OTHER = "a Berkeley DB file of another kind (btree, queue or heap)"
    BERKELEY_1 = "a Berkeley DB 1.x file (also that of an ndbm built on it)"
    GDBM = "a GDBM file"
    LMDB = "an LMDB file"
    EMPTY = "an empty file"
    UNKNOWN = "a file of an unknown format"


# In the byte order of the machine that wrote the file. Sources: Berkeley DB's db.h, gdbm's gdbmconst.h, lmdb's mdb.c
# (behind a page header of 16 or, on 32-bit machines, 12 bytes).
_MAGICS: dict[Format, tuple[tuple[int, ...], tuple[int, ...]]] = {  # format: offsets, numbers
    Format.BERKELEY_HASH: ((12,), (0x061561,)),
    Format.BERKELEY_OTHER: ((12,), (0x053162, 0x042253, 0x074582)),
    Format.BERKELEY_1: ((0,), (0x061561, 0x053162)),
    Format.GDBM: ((0,), (0x13579ACD, 0x13579ACE, 0x13579ACF, 0x13579AD0, 0x13579AD1)),
    Format.LMDB: ((12, 16), (0xBEEFC0DE,)),
}


def recognise(head: bytes) -> Format:
    """Tell the format from the first `HEAD_BYTES` bytes of a file, or all of a shorter one."""
    if not head:
        return Format.EMPTY
    for known, (offsets, numbers) in _MAGICS.items():
        if any(_numbers_at(head, offset) & set(numbers) for offset in offsets):
            return known
    return Format.UNKNOWN


def _numbers_at(head: bytes, offset: int) -> set[int]:
    four = head[offset : offset + 4]
    return {int.from_bytes(four, "little"), int.from_bytes(four, "big")} if len(four) == 4 else set()
