"""argon2-cffi, there or not."""

import sys

import pytest

from authd_backends.errors import MissingLibraryError, Unavailable
from authd_backends.hashes import argon2

DAMAGED = "$argon2id$v=19$m=8,t=1,p=1$!!!!$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


def test_a_missing_library_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argon2", None)

    with pytest.raises(MissingLibraryError, match=r"hashes of \{ARGON2ID\} need: pip install authd\[argon2\]"):
        argon2.verified(b"x", DAMAGED)


def test_a_damaged_hash_is_an_outage() -> None:
    with pytest.raises(Unavailable, match="argon2: "):
        argon2.verified(b"x", DAMAGED)


def test_a_new_hash_takes_what_owasp_asks_for() -> None:
    assert argon2.hashed(b"x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
