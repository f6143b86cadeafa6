"""From a stored password to what verifies it."""

import re

from authd_backends.errors import Unavailable
from authd_backends.hashes.clear_text import CLEAR_TEXT
from authd_backends.hashes.methods import Stored
from authd_backends.hashes.names import BARE, scheme_named, schemes
from authd_backends.hashes.policy import Policy

_SCHEME = re.compile(r"\{([A-Za-z0-9.+_-]{1,32})\}")
_LOCKED = re.compile(r"!.*|\*(?![0-9A-Fa-f]{40}\Z).*|", re.DOTALL)  # '*' and 40 digits: a hash of MySQL's
# What begins like this is read as it says, whatever the default scheme: it is never compared as clear text.
_TELLS_ITSELF = re.compile(
    r"\$|(?:pbkdf2_sha1|pbkdf2_sha256|argon2|bcrypt|bcrypt_sha256|scrypt|sha1|md5)\$|SCRAM-SHA-(?:1|256)\$"
    r"|\*[0-9A-Fa-f]{40}\Z"
)


def is_locked(stored: str) -> bool:
    """Tell whether no password can match by intent: nothing, ``!…`` or ``*…`` as in /etc/shadow.

    The mark may also stand behind the scheme, where it cannot be meant: ``{PLAIN}!x`` is the password ``!x``.
    """
    name, value = _split(stored)
    scheme = scheme_named(name) if name and value else None
    if scheme is not None and CLEAR_TEXT in scheme.methods:
        return False
    return _LOCKED.fullmatch(value) is not None


def read(stored: str, policy: Policy) -> Stored:
    """Understand a stored password.

    Raises Unavailable, which never quotes the value, for what cannot be verified or may not be: an unknown scheme, a
    damaged hash, a weak one unless the policy has it, a cost beyond the limits of `cost`.
    """
    name, value = _split(stored)
    if name is None and not _TELLS_ITSELF.match(value):
        name = policy.default_scheme
    scheme = BARE if name is None else scheme_named(name)
    if scheme is None:
        raise Unavailable(f"hash: expected a scheme of {schemes()}, got {{{name}}}")
    value = scheme.decoded(value)
    for method in scheme.methods:
        if match := method.form.fullmatch(value):
            if method.weak and not policy.weak_schemes:
                raise Unavailable(f"hash: {method.name} is too weak: set weak_schemes = true to accept it")
            cost = method.estimate(match)
            cost.check()
            return Stored(method, match, cost)
    form = f"a whole hash of {{{scheme.name}}}" if scheme.name else "{SCHEME}hash or a whole crypt(3) string"
    raise Unavailable(f"hash: expected {form}, got something else")


def _split(stored: str) -> tuple[str | None, str]:
    match = _SCHEME.match(stored)
    return (match[1], stored[match.end() :]) if match else (None, stored)
