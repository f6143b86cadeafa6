"""libxcrypt through ctypes: crypt(3) hashes, computed while other threads run.

ctypes lets go of the GIL during a call; the `crypt` module that Python had until 3.12 did not.
"""

import ctypes
import hmac
import os
from functools import cache

from authd_backends.errors import Unavailable

MAX_PASSWORD = 511  # bytes: CRYPT_MAX_PASSPHRASE_SIZE of crypt.h counts the NUL

_NAMES = ("libcrypt.so.1", "libcrypt.so.2")  # 2: without the symbols of old glibc, as on Fedora and Arch
_DATA_SIZE = 32768  # sizeof(struct crypt_data), part of the ABI
_SETTING_SIZE = 192  # CRYPT_GENSALT_OUTPUT_SIZE


def hashed(password: bytes, setting: str) -> str:
    """Hash a password of at most MAX_PASSWORD bytes without NUL as `setting`, a salt or a whole hash, says.

    Raises Unavailable where libcrypt refuses the setting, has no memory, or is missing.
    """
    data = ctypes.create_string_buffer(_DATA_SIZE)
    try:
        result = _library().crypt_rn(password, os.fsencode(setting), data, _DATA_SIZE)
        if result is None or result.startswith(b"*"):  # "*0" and "*1": failure tokens
            raise Unavailable(f"libcrypt refuses the hash: {os.strerror(ctypes.get_errno())}")
        return os.fsdecode(result)
    finally:
        ctypes.memset(data, 0, _DATA_SIZE)


def verified(password: bytes, stored: str) -> bool:
    """Tell whether `stored` is a hash of the password, in a time that does not depend on where they differ.

    False for a password of more than MAX_PASSWORD bytes: no crypt(3) made a hash of it.
    """
    return len(password) <= MAX_PASSWORD and hmac.compare_digest(
        os.fsencode(hashed(password, stored)), os.fsencode(stored)
    )


def new_setting(prefix: str, count: int = 0) -> str:
    """Give a fresh salt for the method of a prefix; `count` is its cost, 0 the library's default.

    Raises Unavailable where this libcrypt does not know the method.
    """
    output = ctypes.create_string_buffer(_SETTING_SIZE)
    setting = _library().crypt_gensalt_rn(prefix.encode(), count, None, 0, output, _SETTING_SIZE)
    if setting is None or setting.startswith(b"*"):
        raise Unavailable(f"libcrypt has no {prefix}: {os.strerror(ctypes.get_errno())}")
    return os.fsdecode(setting)


@cache
def _library() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name, use_errno=True)
        except OSError:
            continue
        if hasattr(library, "crypt_rn") and hasattr(library, "crypt_gensalt_rn"):
            return _declared(library)
    raise Unavailable(f"crypt(3): expected libxcrypt as {' or '.join(_NAMES)}, got neither")


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    library.crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_gensalt_rn.argtypes = (
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
    )
    library.crypt_gensalt_rn.restype = ctypes.c_char_p
    return library
