"""One digest, and base64."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passlib import hash as passlibs

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import Unavailable

WEAK = hashes.Policy(weak_schemes=True)
HANDLERS = (
    "ldap_salted_sha1", "ldap_salted_sha256", "ldap_salted_sha512", "ldap_salted_md5", "ldap_md5", "ldap_sha1",
    "mysql41",
)  # fmt: skip


@given(st.sampled_from(HANDLERS), st.binary(min_size=1, max_size=100).filter(lambda password: 0 not in password))
def test_they_are_what_passlib_makes(handler: str, password: bytes) -> None:
    stored = getattr(passlibs, handler).hash(password)

    assert hashes.matches(stored, Secret(password), WEAK)
    assert not hashes.matches(stored, Secret(password + b"x"), WEAK)


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", b"password"),  # MySQL 5.7 manual: PASSWORD('password')
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", b"password"),  # sha1sum
    ],
)
def test_published_ones_are_verified(stored: str, password: bytes) -> None:
    assert hashes.matches(stored, Secret(password), WEAK)


def test_a_digest_without_its_salt_is_damage() -> None:
    with pytest.raises(Unavailable, match="expected more than 20 bytes, got 20"):
        hashes.matches("{SSHA}" + b64encode(bytes(20)).decode(), Secret(b"secret"))
