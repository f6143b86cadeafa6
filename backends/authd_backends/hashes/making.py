"""New hashes."""

from collections.abc import Callable

from authd_backends.contract import Secret
from authd_backends.errors import BackendError, OptionError, Unavailable
from authd_backends.hashes import argon2, libcrypt

# Costs near that of Debian's yescrypt, 15 to 50 ms: libxcrypt's own defaults for the other two are of 1999 and 2007.
_BCRYPT_COST = 10
_SHA512_ROUNDS = 50_000


def _crypt(scheme: str, prefix: str, count: int = 0) -> Callable[[bytes], str]:
    return lambda password: f"{{{scheme}}}{libcrypt.hashed(password, libcrypt.new_setting(prefix, count))}"


_MAKERS: dict[str, Callable[[bytes], str]] = {
    "yescrypt": _crypt("CRYPT", "$y$"),
    "argon2id": lambda password: "{ARGON2ID}" + argon2.hashed(password),
    "bcrypt": _crypt("BLF-CRYPT", "$2y$", _BCRYPT_COST),
    "sha512-crypt": _crypt("SHA512-CRYPT", "$6$", _SHA512_ROUNDS),
}
_ALIASES = {"blf-crypt": "bcrypt", "sha512crypt": "sha512-crypt"}

NEW_SCHEMES = tuple(_MAKERS)  # the best first


def new_hash(secret: Secret, scheme: str | None = None) -> str:
    """Hash a password for storing, as ``{SCHEME}hash``.

    Without a `scheme`, one of NEW_SCHEMES in any case of letters, it is the best that this machine has: yescrypt,
    which is Debian's own for /etc/shadow, where libcrypt has it. Raises OptionError for an unknown scheme and for a
    password that is none, MissingLibraryError or Unavailable where the machine lacks the scheme.
    """
    password = secret.reveal()
    if not 0 < len(password) <= libcrypt.MAX_PASSWORD or b"\0" in password:
        raise OptionError(f"password: expected 1 to {libcrypt.MAX_PASSWORD} bytes without NUL")
    if scheme is not None:
        return _maker(scheme)(password)
    for maker in _MAKERS.values():
        try:
            return maker(password)
        except BackendError:
            continue
    raise Unavailable("hash: expected libxcrypt or argon2-cffi, got neither")


def check_new_scheme(scheme: str) -> None:
    """Raises OptionError unless `new_hash` knows the scheme."""
    _maker(scheme)


def _maker(scheme: str) -> Callable[[bytes], str]:
    name = scheme.lower()
    name = _ALIASES.get(name, name)
    if name not in _MAKERS:
        raise OptionError(f"scheme: expected {', '.join(NEW_SCHEMES)}, got {scheme!r}", "scheme")
    return _MAKERS[name]
