"""What crypt(3) knows: the methods of libxcrypt 4.4, in the forms of its crypt(5).

A hash that was cut short is no hash: to compute with what is left of it would end in "wrong password".
"""

import re
from collections.abc import Callable

from authd_backends.hashes import cost, libcrypt
from authd_backends.hashes.cost import Cost
from authd_backends.hashes.methods import Match, Method, nothing

_DIGIT = "[./0-9A-Za-z]"


def _crypt(name: str, form: str, estimate: Callable[[Match], Cost], *, weak: bool = False) -> Method:
    pattern = re.compile(f"(?P<stored>{form.replace('@', _DIGIT)})")
    return Method(name, pattern, lambda password, match: libcrypt.verified(password, match["stored"]), estimate, weak)


def _rounds(match: Match, default: int) -> int:
    return int(match["rounds"] or default)


YESCRYPT = _crypt("yescrypt", r"\$y\$(?P<cost>@+)\$@{0,86}\$@{43}", lambda match: cost.yescrypt(match["cost"]))
GOST_YESCRYPT = _crypt(
    "gost-yescrypt", r"\$gy\$(?P<cost>@+)\$@{0,86}\$@{43}", lambda match: cost.yescrypt(match["cost"])
)
SCRYPT = _crypt("scrypt", r"\$7\$(?P<cost>@{11})@{0,86}\$@{43}", lambda match: cost.crypt_scrypt(match["cost"]))
BCRYPT = _crypt("bcrypt", r"\$2[abxy]\$(?P<cost>[0-3]\d)\$@{53}", lambda match: cost.bcrypt(int(match["cost"])))
SHA512CRYPT = _crypt(
    "sha512crypt",
    r"\$6\$(?:rounds=(?P<rounds>\d{1,9})\$)?[^$:\n]{0,16}\$@{86}",
    lambda match: cost.sha512crypt(_rounds(match, 5000)),
)
SHA256CRYPT = _crypt(
    "sha256crypt",
    r"\$5\$(?:rounds=(?P<rounds>\d{1,9})\$)?[^$:\n]{0,16}\$@{43}",
    lambda match: cost.sha256crypt(_rounds(match, 5000)),
)
SHA1CRYPT = _crypt(
    "sha1crypt", r"\$sha1\$(?P<rounds>\d{1,9})\$@{1,64}\$@{28}", lambda match: cost.sha1crypt(int(match["rounds"]))
)
SUN_MD5 = _crypt(
    "SunMD5", r"\$md5(?:,rounds=(?P<rounds>\d{1,9}))?\$@{8}\${1,2}@{22}", lambda match: cost.sunmd5(_rounds(match, 0))
)
MD5CRYPT = _crypt("md5crypt", r"\$1\$[^$:\n]{0,8}\$@{22}", nothing, weak=True)
NT = _crypt("NT", r"\$3\$\$[0-9a-f]{32}", nothing, weak=True)
BSDICRYPT = _crypt("bsdicrypt", r"_(?P<cost>@{4})@{15}", lambda match: cost.bsdicrypt(match["cost"]), weak=True)
BIGCRYPT = _crypt("bigcrypt", r"@{2}(?:@{11}){2,16}", nothing, weak=True)
DES = _crypt("DES", r"@{13}", nothing, weak=True)

CRYPT = (
    YESCRYPT, GOST_YESCRYPT, SCRYPT, BCRYPT, SHA512CRYPT, SHA256CRYPT, SHA1CRYPT, SUN_MD5,
    MD5CRYPT, NT, BSDICRYPT, BIGCRYPT, DES,
)  # fmt: skip
