"""From a stored password to what verifies it."""

import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from authd_backends.errors import OptionError, Unavailable
from authd_backends.hashes import argon2, cost, libcrypt
from authd_backends.hashes.cost import Cost

_B64 = "[./0-9A-Za-z]"  # crypt(3)'s digits

_SCHEME = re.compile(r"\{([A-Za-z0-9.+_-]{1,32})\}")
_LOCKED = re.compile(r"!.*|\*(?![0-9A-Fa-f]{40}\Z).*|", re.DOTALL)  # '*' and 40 digits: a hash of MySQL's


@dataclass(frozen=True, slots=True)
class Method:
    """One way to store a password: the form of a whole value, what it costs, and how it is verified."""

    name: str
    form: re.Pattern[str]
    estimate: Callable[[re.Match[str]], Cost]
    verify: Callable[[bytes, str], bool] = libcrypt.verified
    weak: bool = False  # guessed at millions a second and more


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored password as it was understood."""

    method: Method
    value: str  # without the {SCHEME}
    cost: Cost


def _crypt(name: str, form: str, estimate: Callable[[re.Match[str]], Cost], *, weak: bool = False) -> Method:
    return Method(name, re.compile(form.replace("@", _B64)), estimate, weak=weak)


def _rounds(match: re.Match[str], default: int) -> int:
    return int(match["rounds"] or default)


def _nothing(_: re.Match[str]) -> Cost:
    return Cost()


def _same(password: bytes, stored: str) -> bool:
    return hmac.compare_digest(password, os.fsencode(stored))


# The forms are those of crypt(5) of libxcrypt 4.4. A hash that was cut short is no hash: to compute with what is left
# of it would end in "wrong password".
_CRYPT = (
    _crypt("yescrypt", r"\$y\$(@+)\$@{0,86}\$@{43}", lambda match: cost.yescrypt(match[1])),
    _crypt("gost-yescrypt", r"\$gy\$(@+)\$@{0,86}\$@{43}", lambda match: cost.yescrypt(match[1])),
    _crypt("scrypt", r"\$7\$(@{11})@{0,86}\$@{43}", lambda match: cost.scrypt(match[1])),
    _crypt("bcrypt", r"\$2[abxy]\$([0-3]\d)\$@{53}", lambda match: cost.bcrypt(int(match[1]))),
    _crypt(
        "sha512crypt",
        r"\$6\$(?:rounds=(?P<rounds>\d{1,9})\$)?[^$:\n]{0,16}\$@{86}",
        lambda match: cost.sha512crypt(_rounds(match, 5000)),
    ),
    _crypt(
        "sha256crypt",
        r"\$5\$(?:rounds=(?P<rounds>\d{1,9})\$)?[^$:\n]{0,16}\$@{43}",
        lambda match: cost.sha256crypt(_rounds(match, 5000)),
    ),
    _crypt("sha1crypt", r"\$sha1\$(\d{1,9})\$@{1,64}\$@{28}", lambda match: cost.sha1crypt(int(match[1]))),
    _crypt(
        "SunMD5",
        r"\$md5(?:,rounds=(?P<rounds>\d{1,9}))?\$@{8}\${1,2}@{22}",
        lambda match: cost.sunmd5(_rounds(match, 0)),
    ),
    _crypt("md5crypt", r"\$1\$[^$:\n]{0,8}\$@{22}", _nothing, weak=True),
    _crypt("bsdicrypt", r"_@{19}", _nothing, weak=True),
    _crypt("DES", r"@{13}", _nothing, weak=True),
)
_BY_NAME = {method.name: method for method in _CRYPT}
_ARGON2I, _ARGON2ID = (
    Method(
        name,
        re.compile(rf"\${name}\$(?:v=\d{{1,3}}\$)?m=(\d{{1,10}}),t=(\d{{1,10}}),p=\d{{1,8}}\$[^$\n]+\$[^$\n]+"),
        lambda match: cost.argon2(int(match[1]), int(match[2])),
        argon2.verified,
    )
    for name in ("argon2i", "argon2id")
)
_PLAIN = Method("clear text", re.compile(r".+", re.DOTALL), _nothing, _same)

_SCHEMES: dict[str, tuple[Method, ...]] = {
    "CRYPT": _CRYPT,
    "BLF-CRYPT": (_BY_NAME["bcrypt"],),
    "SHA512-CRYPT": (_BY_NAME["sha512crypt"],),
    "SHA256-CRYPT": (_BY_NAME["sha256crypt"],),
    "MD5-CRYPT": (_BY_NAME["md5crypt"],),
    "DES-CRYPT": (_BY_NAME["DES"],),
    "ARGON2I": (_ARGON2I,),
    "ARGON2ID": (_ARGON2ID,),
    "PLAIN": (_PLAIN,),
    "CLEARTEXT": (_PLAIN,),
}
_BARE = (*_CRYPT, _ARGON2I, _ARGON2ID)


def check_scheme(scheme: str, option: str) -> None:
    """Raises OptionError for a scheme that no value could have."""
    if scheme.upper() not in _SCHEMES:
        raise OptionError(f"{option}: expected one of {', '.join(_SCHEMES)}, got {scheme!r}", option)


def is_locked(stored: str) -> bool:
    """Tell whether no password can match by intent: nothing, ``!…`` or ``*…`` as in /etc/shadow.

    The mark may also stand behind the scheme, where it cannot be meant: ``{PLAIN}!x`` is the password ``!x``.
    """
    scheme, value = _split(stored)
    if scheme is not None and value and _PLAIN in _SCHEMES.get(scheme, ()):
        return False
    return _LOCKED.fullmatch(value) is not None


def read(stored: str, *, default_scheme: str | None = None, weak_schemes: bool = False) -> Stored:
    """Understand a stored password; `default_scheme` is that of values which name none and have no ``$``.

    Raises Unavailable, which never quotes the value, for what cannot be verified or may not be: an unknown scheme, a
    damaged hash, a weak one unless `weak_schemes`, a cost beyond the limits of `cost`.
    """
    scheme, value = _split(stored)
    if scheme is None and not value.startswith("$"):
        scheme = default_scheme.upper() if default_scheme else None
    for method in _methods(scheme):
        if match := method.form.fullmatch(value):
            if method.weak and not weak_schemes:
                raise Unavailable(f"hash: {method.name} is too weak: set weak_schemes = true to accept it")
            estimated = method.estimate(match)
            estimated.check()
            return Stored(method, value, estimated)
    form = f"a whole hash of {{{scheme}}}" if scheme else "{SCHEME}hash or a whole crypt(3) string"
    raise Unavailable(f"hash: expected {form}, got something else")


def _split(stored: str) -> tuple[str | None, str]:
    match = _SCHEME.match(stored)
    return (match[1].upper(), stored[match.end() :]) if match else (None, stored)


def _methods(scheme: str | None) -> tuple[Method, ...]:
    if scheme is None:
        return _BARE
    if scheme not in _SCHEMES:
        raise Unavailable(f"hash: expected a scheme of {', '.join(_SCHEMES)}, got {{{scheme}}}")
    return _SCHEMES[scheme]
