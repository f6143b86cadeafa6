"""Argon2 through argon2-cffi, which lets go of the GIL while it computes."""

import os
from types import ModuleType

from authd_backends.errors import MissingLibraryError, Unavailable

# OWASP's least for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane; about 25 ms
_MEMORY = 19 * 1024  # KiB
_PASSES = 2
_LANES = 1


def verified(password: bytes, stored: str) -> bool:
    """Tell whether `stored` (``$argon2id$v=19$m=…,t=…,p=…$salt$hash``, argon2i or argon2d) is a hash of the password.

    Raises MissingLibraryError; Unavailable where the hash is damaged or memory is short.
    """
    low_level, exceptions = _library()
    kinds = {"argon2id": low_level.Type.ID, "argon2i": low_level.Type.I, "argon2d": low_level.Type.D}
    try:
        accepted: bool = low_level.verify_secret(os.fsencode(stored), password, kinds[stored.split("$")[1]])
    except exceptions.VerifyMismatchError:
        return False
    except exceptions.VerificationError as error:
        raise Unavailable(f"argon2: {error}") from error
    return accepted


def hashed(password: bytes) -> str:
    """Hash a password with a fresh salt. Raises MissingLibraryError."""
    low_level, _ = _library()
    made: bytes = low_level.hash_secret(
        password, os.urandom(16), time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES, hash_len=32,
        type=low_level.Type.ID,
    )  # fmt: skip
    return made.decode()


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        from argon2 import exceptions, low_level
    except ImportError as error:
        raise MissingLibraryError("hashes of {ARGON2ID} need: pip install authd[argon2]") from error
    return low_level, exceptions
