"""What a database holds of a user: SASL v2's clear password, or v1's salted digest."""

import hmac
from hashlib import md5
from typing import NamedTuple

from authd_backends.sasldb.database import DamagedError, Database

_CLEAR = b"userPassword"
_SALTED = (b"PLAIN", b"cmusaslsecretPLAIN")  # as SASL v1 writes it, and as sasldbconverter2 brings it into v2's file
_SALT, _LENGTH = 16, 33  # bytes: salt, a NUL, MD5's digest


class Password(NamedTuple):
    """A password as it is stored."""

    stored: bytes
    is_salted: bool = False

    def matches(self, password: bytes) -> bool:
        if not self.is_salted:
            return hmac.compare_digest(self.stored, password)
        salt, digest = self.stored[:_SALT], self.stored[_SALT + 1 :]
        made = md5(salt + b"sasldb" + password, usedforsecurity=False).digest()  # lib/checkpw.c of Cyrus SASL
        return hmac.compare_digest(digest, made)


def user_key(login: str, realm: str) -> bytes:
    """Give how the keys of a user begin. Raises ValueError for a name that no file holds."""
    if "\0" in login or "\0" in realm:
        raise ValueError("login and realm: expected no NUL, got one")
    return f"{login}\0{realm}\0".encode("utf-8", "surrogateescape")


def password_of(database: Database, user: bytes) -> Password | None:
    """Give the password of the user of a `user_key`; an empty one is none. Raises DamagedError, OSError."""
    if clear := database.get(user + _CLEAR):
        return Password(clear)
    for name in _SALTED:
        if salted := database.get(user + name):
            if len(salted) != _LENGTH or salted[_SALT]:
                raise DamagedError(f"{name.decode()}: expected {_LENGTH} bytes with a NUL behind the salt, got others")
            return Password(salted, is_salted=True)
    return None
