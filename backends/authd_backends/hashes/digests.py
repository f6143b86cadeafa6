"""One digest of the password, with a salt or without, by hashlib.

Base64 of the digest and what salt follows it, as in RFC 2307 and after; or hexadecimal, which Dovecot takes too where
the length tells. passlib has these as well, but for the salts that it knows as bytes (4 to 16) and for hexadecimal.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

from authd_backends.errors import Unavailable
from authd_backends.hashes.encoding import from_base64, from_hex
from authd_backends.hashes.methods import Match, Method

_BASE64 = "[A-Za-z0-9+/]"


def _unsalted(algorithm: str) -> Method:
    size = _size(algorithm)
    base64 = _BASE64 + f"{{{(8 * size + 5) // 6}}}" + "=" * (-size % 3)
    return Method(
        f"unsalted {algorithm}",
        re.compile(f"(?P<hex>[0-9A-Fa-f]{{{2 * size}}})|(?P<base64>{base64})"),
        _is_unsalted(algorithm),
        weak=True,
        is_binary=True,
    )


def _is_unsalted(algorithm: str) -> Callable[[bytes, Match], bool]:
    def verify(password: bytes, match: Match) -> bool:
        stored = from_hex(match["hex"]) if match["hex"] else from_base64(match["base64"])
        return hmac.compare_digest(_digest(algorithm, password), stored)

    return verify


def _salted(algorithm: str, *, weak: bool = False) -> Method:
    least = 4 * (_size(algorithm) // 3)
    form = re.compile(f"{_BASE64}{{{least},}}={{0,2}}")
    return Method(f"salted {algorithm}", form, _is_salted(algorithm), weak=weak, is_binary=True)


def _is_salted(algorithm: str) -> Callable[[bytes, Match], bool]:
    size = _size(algorithm)

    def verify(password: bytes, match: Match) -> bool:
        stored = from_base64(match[0])
        digest, salt = stored[:size], stored[size:]
        if not salt:
            raise Unavailable(f"hash: expected more than {size} bytes, got {len(stored)}")
        return hmac.compare_digest(_digest(algorithm, password + salt), digest)

    return verify


def _size(algorithm: str) -> int:
    return len(_digest(algorithm, b""))


def _digest(algorithm: str, content: bytes) -> bytes:
    return hashlib.new(algorithm, content, usedforsecurity=False).digest()  # or a machine in FIPS mode has no MD5


def _is_mysql(password: bytes, match: Match) -> bool:
    return hmac.compare_digest(_digest("sha1", _digest("sha1", password)), from_hex(match["hex"]))


MD5, SHA1, SHA256, SHA384, SHA512 = map(_unsalted, ("md5", "sha1", "sha256", "sha384", "sha512"))
SMD5 = _salted("md5", weak=True)
SSHA, SSHA256, SSHA384, SSHA512 = map(_salted, ("sha1", "sha256", "sha384", "sha512"))
MYSQL = Method("MySQL's PASSWORD()", re.compile(r"\*(?P<hex>[0-9A-Fa-f]{40})"), _is_mysql, weak=True)
