"""Stored passwords: the one place where they are read, compared and made.

A stored password is ``{SCHEME}hash``, as Dovecot and OpenLDAP write it, or a bare string of crypt(3), Django, phpass,
PostgreSQL's SCRAM or MySQL's PASSWORD(). docs/hashes.md says what each is, and what computes it at which cost.
"""

from authd_backends.hashes.checking import kind, matches, method, spend
from authd_backends.hashes.making import new_hash
from authd_backends.hashes.policy import Policy
from authd_backends.hashes.schemes import is_locked
from authd_backends.hashes.threads import on_thread

__all__ = ["Policy", "is_locked", "kind", "matches", "method", "new_hash", "on_thread", "spend"]
