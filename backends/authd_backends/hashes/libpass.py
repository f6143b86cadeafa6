"""What applications write, by libpass or the passlib that it continues: both are imported as `passlib`.

It is loaded with the first such hash (18 ms). What it verifies here it computes with hashlib, without the GIL, and no
slower than that. It is never shown what does not have the form of a whole hash.
"""

import re
from collections.abc import Callable
from typing import Any

from authd_backends.errors import MissingLibraryError, Unavailable
from authd_backends.hashes.cost import Cost
from authd_backends.hashes.methods import Match, Method, nothing

_MAX_PASSWORD = 4096  # bytes: it takes no more, and made no hash of more


def method(
    name: str,
    handler: str,
    form: str,
    estimate: Callable[[Match], Cost] = nothing,
    *,
    before: str = "",
    weak: bool = False,
) -> Method:
    """Give the method of one of passlib's handlers, which wants `before` in front of the stored value."""

    def verify(password: bytes, match: Match) -> bool:
        return _verified(handler, password, before + match["stored"])

    return Method(name, re.compile(f"(?P<stored>{form})"), verify, estimate, weak)


def saslprepped(password: bytes) -> bytes:
    """Prepare a password by RFC 4013; one that has no such form is left as it is, as PostgreSQL does (saslprep.c)."""
    if password.isascii():
        return password
    try:
        from passlib.utils import saslprep
    except ImportError as error:
        raise MissingLibraryError("other than ASCII passwords for SCRAM need: pip install authd[hashes]") from error
    try:
        prepared: str = saslprep(password.decode())
    except ValueError:
        return password
    return prepared.encode() or password


def _verified(handler: str, password: bytes, stored: str) -> bool:
    if len(password) > _MAX_PASSWORD:
        return False
    known = _handler(handler)
    try:
        is_whole = known.from_string(stored).to_string() == stored
        accepted: bool = is_whole and known.verify(password, stored)
    except ValueError as error:
        raise Unavailable(f"hash: passlib's {handler} refuses it: {type(error).__name__}") from error
    if not is_whole:
        raise Unavailable(f"hash: expected {handler} without further bits, got some that passlib throws away")
    return accepted


def _handler(name: str) -> Any:
    try:
        from passlib import hash as handlers
    except ImportError as error:
        raise MissingLibraryError(f"hashes of {name} need: pip install authd[hashes]") from error
    return getattr(handlers, name)
