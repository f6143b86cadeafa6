"""New hashes."""

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import OptionError, Unavailable
from authd_backends.hashes import making
from authd_backends.hashes.making import NEW_SCHEMES


@pytest.mark.parametrize("scheme", [None, *NEW_SCHEMES, "SHA512-CRYPT", "BLF-CRYPT"])
def test_a_new_hash_matches_its_password_and_is_new_each_time(scheme: str | None) -> None:
    first, second = (hashes.new_hash(Secret(b"correct horse"), scheme) for _ in range(2))

    assert first != second
    assert hashes.matches(first, Secret(b"correct horse"))
    assert not hashes.matches(first, Secret(b"correct hors"))


def test_debians_libcrypt_makes_yescrypt() -> None:
    assert hashes.new_hash(Secret(b"x")).startswith("{CRYPT}$y$j9T$")


def test_a_machine_without_the_best_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each maker that the machine lacks raises, as libcrypt does for a method it was built without."""
    makers = dict(making._MAKERS)
    makers["yescrypt"] = making._crypt("CRYPT", "$nosuch$")
    monkeypatch.setattr(making, "_MAKERS", makers)

    assert hashes.new_hash(Secret(b"x")).startswith("{ARGON2ID}$argon2id$")


def test_a_machine_with_nothing_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_MAKERS", {"yescrypt": making._crypt("CRYPT", "$nosuch$")})

    with pytest.raises(Unavailable, match="expected libxcrypt or argon2-cffi"):
        hashes.new_hash(Secret(b"x"))


@pytest.mark.parametrize("password", [b"", b"a\0b", b"x" * 512])
def test_what_can_be_no_password_is_refused(password: bytes) -> None:
    with pytest.raises(OptionError, match="password: expected 1 to 511 bytes without NUL"):
        hashes.new_hash(Secret(password))


def test_an_unknown_scheme_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="scheme: expected yescrypt, argon2id, bcrypt, sha512-crypt, got 'md5'"):
        hashes.new_hash(Secret(b"x"), "md5")
