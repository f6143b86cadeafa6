"""SCRAM's stored and server key (RFC 5802) in PostgreSQL's and Dovecot's form; passlib has a third one alone."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator

from authd_backends.errors import Unavailable
from authd_backends.hashes import libpass
from authd_backends.hashes.encoding import from_base64
from authd_backends.hashes.methods import Match, Method
from authd_backends.hashes.pbkdf2 import ROUNDS, estimate

_BASE64 = "[A-Za-z0-9+/]+={0,2}"


def _scram(name: str, algorithm: str, form: str) -> Method:
    groups = (f"(?P<{group}>{_BASE64})" for group in ("salt", "stored", "server"))
    pattern = form.format(ROUNDS, *groups)
    return Method(name, re.compile(pattern), _verifier(algorithm), lambda match: estimate(algorithm, match))


def _verifier(algorithm: str) -> Callable[[bytes, Match], bool]:
    def verify(password: bytes, match: Match) -> bool:
        salt = from_base64(match["salt"])
        stored = from_base64(match["stored"]), from_base64(match["server"])
        return any(_is_pair(_keys(algorithm, each, salt, match), stored) for each in _spellings(password))

    return verify


def _keys(algorithm: str, password: bytes, salt: bytes, match: Match) -> tuple[bytes, bytes]:
    salted = hashlib.pbkdf2_hmac(algorithm, password, salt, int(match["rounds"]))
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    return hashlib.new(algorithm, client_key).digest(), hmac.digest(salted, b"Server Key", algorithm)


def _is_pair(made: tuple[bytes, bytes], stored: tuple[bytes, bytes]) -> bool:
    same = [hmac.compare_digest(*keys) for keys in zip(made, stored, strict=True)]
    if any(same) and not all(same):
        raise Unavailable("hash: expected two keys of one password, got one of another")
    return all(same)


def _spellings(password: bytes) -> Iterator[bytes]:
    """As it came, which is what Dovecot hashes, and then as SASLprep makes it, which is what PostgreSQL does."""
    yield password
    prepared = libpass.saslprepped(password)
    if prepared != password:
        yield prepared


DOVECOT_1, POSTGRESQL_1 = (
    _scram("SCRAM-SHA-1", "sha1", form) for form in ("{},{},{},{}", r"SCRAM-SHA-1\${}:{}\${}:{}")
)
DOVECOT_256, POSTGRESQL_256 = (
    _scram("SCRAM-SHA-256", "sha256", form) for form in ("{},{},{},{}", r"SCRAM-SHA-256\${}:{}\${}:{}")
)
