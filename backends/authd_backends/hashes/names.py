"""The names in braces, and which methods each may mean."""

import re
from dataclasses import dataclass

from authd_backends.errors import OptionError
from authd_backends.hashes import crypt_methods as crypt
from authd_backends.hashes import digests, pbkdf2, scram
from authd_backends.hashes.argon2_methods import ARGON2
from authd_backends.hashes.clear_text import CLEAR_TEXT
from authd_backends.hashes.django import DJANGO
from authd_backends.hashes.encoding import from_base64, from_hex, to_base64
from authd_backends.hashes.methods import Method
from authd_backends.hashes.phpass import PHPASS

_ENCODING = re.compile(r"(?P<scheme>.+?)(?:\.(?P<encoding>HEX|B64|BASE64))?")  # as Dovecot writes it

# By the names of Dovecot and OpenLDAP; where these mean different things by one, the form of the value decides.
_SCHEMES: dict[str, tuple[Method, ...]] = {
    "CRYPT": crypt.CRYPT,
    "BLF-CRYPT": (crypt.BCRYPT,),
    "SHA512-CRYPT": (crypt.SHA512CRYPT,),
    "SHA256-CRYPT": (crypt.SHA256CRYPT,),
    "MD5-CRYPT": (crypt.MD5CRYPT,),
    "DES-CRYPT": (crypt.DES,),
    "ARGON2": ARGON2,
    "ARGON2ID": ARGON2,
    "ARGON2I": ARGON2,
    "PBKDF2": (pbkdf2.SHA1, pbkdf2.DOVECOT),
    "PBKDF2-SHA1": (pbkdf2.SHA1,),
    "PBKDF2-SHA256": (pbkdf2.SHA256,),
    "PBKDF2-SHA512": (pbkdf2.SHA512,),
    "SCRAM-SHA-1": (scram.DOVECOT_1, scram.POSTGRESQL_1),
    "SCRAM-SHA-256": (scram.DOVECOT_256, scram.POSTGRESQL_256),
    "SSHA": (digests.SSHA,),
    "SSHA256": (digests.SSHA256,),
    "SSHA384": (digests.SSHA384,),
    "SSHA512": (digests.SSHA512,),
    "SMD5": (digests.SMD5,),
    "SHA": (digests.SHA1,),
    "SHA1": (digests.SHA1,),
    "SHA256": (digests.SHA256,),
    "SHA384": (digests.SHA384,),
    "SHA512": (digests.SHA512,),
    "MD5": (crypt.MD5CRYPT, digests.MD5),
    "LDAP-MD5": (digests.MD5,),
    "PLAIN-MD5": (digests.MD5,),
    "PLAIN": (CLEAR_TEXT,),
    "CLEAR": (CLEAR_TEXT,),
    "CLEARTEXT": (CLEAR_TEXT,),
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """What stands in braces; without a name, what needs none."""

    name: str
    methods: tuple[Method, ...]
    encoding: str = ""

    def decoded(self, value: str) -> str:
        """Give the value as the forms of the methods have it. Raises Unavailable."""
        if not self.encoding:
            return value
        content = from_hex(value) if self.encoding == "HEX" else from_base64(value)
        if any(method.is_binary for method in self.methods):
            return to_base64(content)
        return content.decode("utf-8", "surrogateescape")


BARE = Scheme(
    "",
    (
        *crypt.CRYPT,
        *ARGON2,
        *pbkdf2.MODULAR,
        scram.POSTGRESQL_256,
        scram.POSTGRESQL_1,
        *DJANGO,
        PHPASS,
        digests.MYSQL,
    ),
)


def scheme_named(text: str) -> Scheme | None:
    """Give the scheme of a name, in any case of letters and with Dovecot's .HEX or .B64."""
    match = _ENCODING.fullmatch(text.upper())
    if match is None or match["scheme"] not in _SCHEMES:
        return None
    return Scheme(match["scheme"], _SCHEMES[match["scheme"]], match["encoding"] or "")


def check_scheme(scheme: str, option: str) -> None:
    """Raises OptionError for a scheme that no value could have."""
    if scheme_named(scheme) is None:
        raise OptionError(f"{option}: expected one of {schemes()}, got {scheme!r}", option)


def schemes() -> str:
    """Say what was expected where an unknown one stands."""
    return ", ".join(_SCHEMES)
