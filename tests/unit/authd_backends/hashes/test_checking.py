"""Hashes of published test vectors and of other implementations, and what may not be computed."""

import time
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import BackendError, Unavailable
from authd_backends.hashes import libcrypt

VECTORS = {
    # libxcrypt 4.4, test/alg-yescrypt.c, first line of yescrypt's own TESTS-OK
    "yescrypt": (b"pleaseletmein", "$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6"),
    "scrypt": (b"pleaseletmein", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"),
    # crypt_blowfish 1.3, wrapper.c
    "bcrypt": (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    # OpenSSL 3.0, openssl passwd -6 and -5 -salt saltstring; also in U. Drepper, SHA-crypt.txt
    "sha512crypt": (
        b"Hello world!",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    "sha256crypt": (b"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    # phc-winner-argon2, src/test.c
    "argon2id": (
        b"password",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ),
    "argon2i": (b"password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
}
WEAK_VECTORS = {
    "md5crypt": (b"Hello world!", "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1"),  # OpenSSL 3.0, openssl passwd -1
    "DES": (b"rasmuslerdorf", "rl.3StKT.4T8M"),  # the PHP manual, crypt()
}
CHEAP = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


@pytest.mark.parametrize("method", VECTORS)
def test_a_published_hash_is_verified(method: str) -> None:
    password, stored = VECTORS[method]

    assert hashes.method(stored) == method
    assert hashes.matches(stored, Secret(password))
    assert not hashes.matches(stored, Secret(b"x" + password))


@pytest.mark.parametrize("prefix", ["$gy$", "$sha1", "$md5"])
def test_what_else_libcrypt_makes_is_verified(prefix: str) -> None:
    stored = libcrypt.hashed(b"right", libcrypt.new_setting(prefix))

    assert hashes.matches(stored, Secret(b"right"))
    assert not hashes.matches(stored, Secret(b"wrong"))


@pytest.mark.parametrize("method", WEAK_VECTORS)
def test_a_weak_hash_is_verified_only_where_it_was_allowed(method: str) -> None:
    password, stored = WEAK_VECTORS[method]

    assert hashes.matches(stored, Secret(password), hashes.Policy(weak_schemes=True))
    assert not hashes.matches(stored, Secret(b"x" + password), hashes.Policy(weak_schemes=True))
    with pytest.raises(Unavailable, match=f"{method} is too weak: set weak_schemes"):
        hashes.matches(stored, Secret(password))


@pytest.mark.parametrize(
    ("scheme", "method"),
    [
        ("CRYPT", "yescrypt"),
        ("CRYPT", "sha512crypt"),
        ("blf-crypt", "bcrypt"),
        ("SHA512-CRYPT", "sha512crypt"),
        ("SHA256-CRYPT", "sha256crypt"),
        ("ARGON2ID", "argon2id"),
        ("ARGON2I", "argon2i"),
    ],
)
def test_a_scheme_in_braces_says_the_same_as_the_hash_behind_it(scheme: str, method: str) -> None:
    password, stored = VECTORS[method]

    assert hashes.matches(f"{{{scheme}}}{stored}", Secret(password))


def test_clear_text_is_compared_only_where_it_is_named() -> None:
    assert hashes.matches("{PLAIN}pass word", Secret(b"pass word"))
    assert hashes.matches("{CLEARTEXT}pass word", Secret(b"pass word"))
    assert hashes.matches("pass word", Secret(b"pass word"), hashes.Policy("PLAIN"))
    assert not hashes.matches("{PLAIN}pass word", Secret(b"pass wore"))
    with pytest.raises(Unavailable):
        hashes.matches("pass word", Secret(b"pass word"))


def test_a_crypt_string_is_one_whatever_the_default_scheme() -> None:
    assert hashes.matches(CHEAP, Secret(b"U*U"), hashes.Policy("PLAIN"))
    assert not hashes.matches(CHEAP, Secret(CHEAP.encode()), hashes.Policy("PLAIN"))


def test_an_unknown_scheme_is_named_and_never_compared_as_clear_text() -> None:
    with pytest.raises(Unavailable, match=r"got \{FROBNICATE\}$"):
        hashes.matches("{FROBNICATE}secret", Secret(b"secret"))


@pytest.mark.parametrize(
    "stored",
    [
        CHEAP[:-1],
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4",
        "{BLF-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
        "$frob$secret-part",
        "x",
        "{",
        "{PLAIN",
    ],
)
def test_a_hash_that_is_no_whole_one_is_an_outage_and_is_not_quoted(stored: str) -> None:
    """A hash cut short would end in "wrong password", and what stands there may be a password."""
    with pytest.raises(Unavailable, match="expected") as caught:
        hashes.matches(stored, Secret(b"secret"))

    assert "secret-part" not in str(caught.value)


@pytest.mark.parametrize(
    "stored", ["", "!", "!!", "*", "*LK*", "*0", "!" + CHEAP, "{CRYPT}!" + CHEAP, "{CRYPT}", "{PLAIN}"]
)
def test_a_locked_user_matches_nothing(stored: str) -> None:
    assert hashes.is_locked(stored)
    assert not hashes.matches(stored, Secret(b"U*U"))


@pytest.mark.parametrize("stored", [CHEAP, "{PLAIN}!important", "{PLAIN}*", "x", "*" + "0F" * 20])
def test_what_is_no_mark_locks_nobody(stored: str) -> None:
    assert not hashes.is_locked(stored)


def test_an_exclamation_mark_locks_clear_text_too() -> None:
    assert hashes.is_locked("!{PLAIN}secret")


def test_what_can_be_no_password_matches_nothing() -> None:
    empty = libcrypt.hashed(b"", "$5$saltstring$")

    assert not hashes.matches(empty, Secret(b""))
    assert not hashes.matches(CHEAP, Secret(b"U*U\0x"))
    assert not hashes.matches(CHEAP, Secret(b"x" * 8000))


def test_an_absurd_cost_is_refused_before_it_is_computed() -> None:
    for absurd, got in {
        CHEAP.replace("$05$", "$31$"): "at most 2 s",
        "{SHA512-CRYPT}$6$rounds=999999999$saltstring$" + "x" * 86: "at most 2 s",
        "$y$jzT$LdJMENpBABJJ3hIHjB1Bi.$" + "x" * 43: "at most",
        "$7$SU..../....SodiumChloride$" + "x" * 43: "at most",
        "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFh": "at most",
    }.items():
        started = time.process_time()
        with pytest.raises(Unavailable, match=got):
            hashes.matches(absurd, Secret(b"x"))
        assert time.process_time() - started < 1


@given(st.text(), st.booleans())
def test_no_stored_value_makes_it_raise_anything_but_its_own_errors(stored: str, weak: bool) -> None:
    try:
        hashes.matches(stored, Secret(b"x"), hashes.Policy(weak_schemes=weak))
    except BackendError:
        return


@pytest.mark.parametrize("like", [CHEAP, VECTORS["sha512crypt"][1]])
def test_an_unknown_user_costs_as_much_as_a_known_one(like: str) -> None:
    known, unknown = [], []
    for _ in range(15):
        known.append(_seconds(lambda: hashes.matches(like, Secret(b"wrong"))))
        unknown.append(_seconds(lambda: hashes.spend(Secret(b"wrong"), like)))

    assert 0.5 < median(unknown) / median(known) < 2


def test_without_an_example_an_unknown_user_costs_a_new_hash() -> None:
    stored = hashes.new_hash(Secret(b"right"))
    hashes.spend(Secret(b"warm up"))
    known = [_seconds(lambda: hashes.matches(stored, Secret(b"wrong"))) for _ in range(5)]
    unknown = [_seconds(lambda: hashes.spend(Secret(b"wrong"))) for _ in range(5)]

    assert 0.5 < median(unknown) / median(known) < 2


def test_a_hash_that_cannot_be_verified_costs_nothing_and_raises_nothing() -> None:
    hashes.spend(Secret(b"x"), "{FROBNICATE}x")


def test_hashes_of_one_cost_are_of_one_kind() -> None:
    assert hashes.kind(CHEAP) == hashes.kind("{BLF-CRYPT}" + CHEAP.replace("CCC.E5", "CCDxE5"))
    assert hashes.kind(CHEAP) != hashes.kind(CHEAP.replace("$05$", "$06$"))
    assert hashes.kind("x", hashes.Policy("PLAIN")) == hashes.kind("{PLAIN}y")


def _seconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
