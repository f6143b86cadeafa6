"""Stored passwords: the one place where they are read, compared and made.

A stored password is ``{SCHEME}hash``, as Dovecot and OpenLDAP write it, or a bare crypt(3) string.
"""

from authd_backends.hashes.checking import kind, matches, method, spend
from authd_backends.hashes.making import new_hash
from authd_backends.hashes.schemes import is_locked

__all__ = ["is_locked", "kind", "matches", "method", "new_hash", "spend"]
