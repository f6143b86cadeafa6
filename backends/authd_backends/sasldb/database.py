"""What every format of a sasldb gives, and its one error."""

from typing import Protocol

MAX_ITEM = 16384  # bytes of one key or value; saslpasswd2 takes passwords of 2,048, a request has 8,162 in all


class DamagedError(Exception):
    """The file is not a whole database; the text says what was expected."""


class Database(Protocol):
    """An open file, which owns its descriptor. Nobody is kept from writing to it meanwhile."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None where what was read is whole and holds no such key.

        Raises DamagedError, OSError.
        """

    def close(self) -> None: ...
