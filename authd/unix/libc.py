"""Calls of the C library that Python's own modules do not have."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def succeed(result: int) -> None:
    """Raise OSError with the call's errno where it did not return 0."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def prctl(option: int, value: int) -> None:
    """Set something about this process (prctl(2)). Raises OSError."""
    succeed(libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))))
