"""What stands in braces."""

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.hashes.names import scheme_named

WEAK = hashes.Policy(weak_schemes=True)
MD5CRYPT = "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1"  # OpenSSL 3.0, openssl passwd -1, "Hello world!"


@pytest.mark.parametrize("name", ["SSHA256", "ssha256", "SSHA256.HEX", "Ssha256.b64", "ssha256.base64"])
def test_a_name_may_have_any_case_and_an_encoding(name: str) -> None:
    scheme = scheme_named(name)

    assert scheme is not None
    assert scheme.name == "SSHA256"


@pytest.mark.parametrize("name", ["", ".HEX", "SSHA256.", "SSHA256.ROT13", "SSHA256.HEX.HEX", "CRAM-MD5", "SASL"])
def test_other_names_are_none(name: str) -> None:
    assert scheme_named(name) is None
    with pytest.raises(OptionError, match="default_scheme: expected one of CRYPT, "):
        hashes.Policy(name)


@pytest.mark.parametrize("value", [MD5CRYPT, "hvsmnRkNLIX24EaM7KQqIA==", "86fb269d190d2c85f6e0468ceca42a20"])
def test_md5_is_what_the_form_of_its_value_says(value: str) -> None:
    """Dovecot's {MD5} is md5crypt, OpenLDAP's the digest: `printf 'Hello world!' | md5sum`."""
    assert hashes.matches("{MD5}" + value, Secret(b"Hello world!"), WEAK)
    assert not hashes.matches("{MD5}" + value, Secret(b"Hello world"), WEAK)


@pytest.mark.parametrize("value", ["", "zz", "5", "c2VjcmV0"])
def test_what_its_encoding_cannot_hold_is_damage(value: str) -> None:
    with pytest.raises(Unavailable):
        hashes.matches("{SSHA.HEX}x" + value, Secret(b"secret"))


def test_a_default_scheme_may_have_an_encoding() -> None:
    digest = "d033e22ae348aeb5660fc2140aec35850c4da997"  # printf admin | sha1sum

    assert hashes.matches(digest, Secret(b"admin"), hashes.Policy("SHA.HEX", weak_schemes=True))
