"""Django's ``algorithm$…``, by what computes the same elsewhere."""

import hashlib
import hmac
import re

from authd_backends.errors import Unavailable
from authd_backends.hashes import argon2_methods, cost, libpass
from authd_backends.hashes.crypt_methods import BCRYPT
from authd_backends.hashes.encoding import from_base64
from authd_backends.hashes.methods import Match, Method, behind
from authd_backends.hashes.pbkdf2 import ROUNDS, estimate

_BASE64 = "[A-Za-z0-9+/]"


def _pbkdf2(algorithm: str, key: str) -> Method:
    name = f"pbkdf2_{algorithm}"
    form = rf"{name}\${ROUNDS}\$[A-Za-z0-9]+\${key}"
    return libpass.method(f"Django's {name}", f"django_{name}", form, lambda match: estimate(algorithm, match))


def _hexdigest(password: bytes) -> bytes:
    return hashlib.sha256(password).hexdigest().encode()


def _is_scrypt(password: bytes, match: Match) -> bool:
    n, r, p = _work(match)
    memory = cost.memory_of_scrypt(n, r, p) + (1 << 20)
    try:
        made = hashlib.scrypt(password, salt=match["salt"].encode(), n=n, r=r, p=p, maxmem=memory, dklen=64)
    except ValueError as error:
        raise Unavailable(
            f"scrypt: expected n a power of two, r and p that RFC 7914 allows, got {n}, {r}, {p}"
        ) from error
    return hmac.compare_digest(made, from_base64(match["hash"]))


def _work(match: Match) -> tuple[int, int, int]:
    return int(match["n"]), int(match["r"]), int(match["p"])


_SCRYPT = Method(
    "Django's scrypt",
    re.compile(
        r"scrypt\$(?P<n>[1-9]\d{0,9})\$(?P<salt>[A-Za-z0-9]+)\$(?P<r>[1-9]\d{0,5})\$(?P<p>[1-9]\d{0,5})"
        rf"\$(?P<hash>{_BASE64}{{86}}==)"
    ),
    _is_scrypt,
    lambda match: cost.scrypt(*_work(match)),
)

DJANGO = (
    _pbkdf2("sha256", f"{_BASE64}{{43}}="),
    _pbkdf2("sha1", f"{_BASE64}{{27}}="),
    *(behind(f"Django's {each.name}", "argon2", each) for each in argon2_methods.ARGON2),
    behind("Django's bcrypt_sha256", "bcrypt_sha256$", BCRYPT, _hexdigest),
    behind("Django's bcrypt", "bcrypt$", BCRYPT),
    _SCRYPT,
    libpass.method("Django's salted sha1", "django_salted_sha1", r"sha1\$[A-Za-z0-9]+\$[0-9a-f]{40}"),
    libpass.method("Django's salted md5", "django_salted_md5", r"md5\$[A-Za-z0-9]+\$[0-9a-f]{32}", weak=True),
)
