"""PBKDF2: in Dovecot's form by hashlib, in OpenLDAP's and passlib's by passlib, which is OpenSSL's either way."""

import hashlib
import hmac
import re

from authd_backends.hashes import cost, libpass
from authd_backends.hashes.cost import Cost
from authd_backends.hashes.encoding import from_hex
from authd_backends.hashes.methods import Match, Method, behind

ROUNDS = r"(?P<rounds>[1-9]\d{0,8})"
_DIGIT = "[./A-Za-z0-9]"  # "." for base64's "+", and no "="


def estimate(algorithm: str, match: Match) -> Cost:
    """Tell it from the group `rounds`."""
    return cost.pbkdf2(algorithm, int(match["rounds"]))


def _is_dovecots(password: bytes, match: Match) -> bool:
    salt = match["salt"].encode("utf-8", "surrogateescape")
    made = hashlib.pbkdf2_hmac("sha1", password, salt, int(match["rounds"]))
    return hmac.compare_digest(made, from_hex(match["key"]))


# lib-auth of Dovecot 2.3, password-scheme-pbkdf2.c: the salt is what stands there, the key is hexadecimal
DOVECOT = Method(
    "Dovecot's PBKDF2",
    re.compile(rf"\$1\$(?P<salt>[^$]*)\${ROUNDS}\$(?P<key>[0-9A-Fa-f]{{40}})"),
    _is_dovecots,
    lambda match: estimate("sha1", match),
)


def _ident(algorithm: str) -> str:
    return "$pbkdf2$" if algorithm == "sha1" else f"$pbkdf2-{algorithm}$"


def _openldap(algorithm: str, digits: int) -> Method:
    """As slapd's contrib module pw-pbkdf2 writes it behind its scheme: passlib's own form without the beginning."""
    name, form = f"PBKDF2-{algorithm}", rf"{ROUNDS}\${_DIGIT}+\${_DIGIT}{{{digits}}}"
    return libpass.method(
        name, f"pbkdf2_{algorithm}", form, lambda match: estimate(algorithm, match), before=_ident(algorithm)
    )


def _modular(algorithm: str, digits: int) -> Method:
    return behind(f"pbkdf2-{algorithm}", _ident(algorithm), _openldap(algorithm, digits))


SHA1, SHA256, SHA512 = _openldap("sha1", 27), _openldap("sha256", 43), _openldap("sha512", 86)
MODULAR = (_modular("sha1", 27), _modular("sha256", 43), _modular("sha512", 86))
