"""What a user's entries say of his password."""

import hashlib

import pytest

from authd_backends.sasldb.database import DamagedError
from authd_backends.sasldb.entries import Password, password_of, user_key

SALTED = b"s" * 16 + b"\0" + hashlib.md5(b"s" * 16 + b"sasldbsecret").digest()


class Records(dict[bytes, bytes]):
    """A database in memory."""

    def close(self) -> None:
        self.clear()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({b"userPassword": b"secret"}, Password(b"secret")),
        ({b"PLAIN": SALTED}, Password(SALTED, is_salted=True)),
        ({b"cmusaslsecretPLAIN": SALTED}, Password(SALTED, is_salted=True)),
        ({b"userPassword": b"secret", b"PLAIN": SALTED}, Password(b"secret")),
        ({b"userPassword": b"", b"PLAIN": b""}, None),
        ({b"cmusaslsecretOTP": b"secret"}, None),
        ({}, None),
    ],
)
def test_the_clear_password_counts_and_else_the_salted_one(
    records: dict[bytes, bytes], expected: Password | None
) -> None:
    user = user_key("alice", "example.org")

    assert password_of(Records({user + name: value for name, value in records.items()}), user) == expected


def test_a_salted_password_is_compared_by_its_digest() -> None:
    assert Password(SALTED, is_salted=True).matches(b"secret")
    assert not Password(SALTED, is_salted=True).matches(SALTED)


@pytest.mark.parametrize("value", [SALTED[:-1], SALTED + b"x", SALTED.replace(b"\0", b"x", 1)])
def test_a_salted_password_of_another_form_is_damage(value: bytes) -> None:
    with pytest.raises(DamagedError, match="PLAIN: expected 33 bytes with a NUL behind the salt"):
        password_of(Records({b"alice\0\0PLAIN": value}), user_key("alice", ""))
