"""Whatever stands in a store: a verdict or a BackendError, and never a match for what was damaged."""

import re
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import BackendError
from authd_backends.hashes import cost

PASSWORD = Secret(b"rasmuslerdorf")
ANYTHING = hashes.Policy(weak_schemes=True)
# Made by Dovecot 2.3, passlib 1.7, Django 3.2's form by it, mkpasswd (libxcrypt 4.4), PHP 8.2 and libpq 15.
STORED = [
    "{SSHA}hYggczz+J0X07sTDbPagamszj3cBvAtq",
    "{SSHA256.HEX}4b9b6b15b8c91cc7ce1ba0e702ddf7dad27004004c35a7bb2cec927c49ae9ca0c5728a1e",
    "{SMD5}eH2kawA9fC1apxtYUbF4eBubgpk=",
    "{SHA.HEX}6d1f1f363d82bbee151d8fcb8eb9d61a373dfcc6",
    "{SHA256}WHEg9rcYLhD3SNnypjj0T9Wa/EKESwMhi3DdcfILEdY=",
    "{SHA512.B64}1tPlgUp/PdNxb6f3AkRFODX4brGQP9PIftr2VLygNH+sCHjmfXSG2Bm/SfpERnjim1NpzZK22b5o81Zxi75tsw==",
    "{PLAIN-MD5}8d564a06561eac59d2f7c6f995ea00f7",
    "{LDAP-MD5}jVZKBlYerFnS98b5leoA9w==",
    "{PBKDF2}$1$/1/hNOa1LZMY/Nd1$100$5d84fa520bb45e0a88453c1cdb6afbdc12f4bec4",
    "{SCRAM-SHA-1}4096,90Ue1fK3+yFhKw0Yh78V+g==,JXeSpcWHsJx5yl3ZckOrJOQt8Qw=,jd3J3kJK5amXSNZI7eKJFKqeh6I=",
    "{SCRAM-SHA-256}4096,wjjkzWKxm6RjgQ23w0zzMQ==,Tj0Ac3f1FbfB/2gXDtwCqV87h/GYdyZiHzlaz/f+8hA=,oVrIrYWdpDcplE6EDPfPXWjwvcdZR6sQ65LkUH5+iJw=",
    "{MD5}$1$6U7Nazcm$dsJIXW.btQiYjhgpyknaD1",
    "{PLAIN.B64}cmFzbXVzbGVyZG9yZg==",
    "{SHA256-CRYPT.HEX}2435247a795a434c643764756651416f743947246f5479787a416f7737726756486146726a4a6c584c6650684975305a47464e7261437058692e5553597743",
    "{PLAIN}rasmuslerdorf",
    "{PBKDF2-SHA256}50$ufdeKyUEYKz1njMmZAwhpA$Dlw/PtjQfPL1uaSTnlPC8WGX2LZw0uO.kc.OZ1r8vcA",
    "$pbkdf2-sha512$50$1rrXutc651zLmTPm3NvbOw$W4K7c7YA1sexbVVAfY4QnxhbkeMw7nuYCm3l0vpI8GOMecXiCnlEEkI9h.GNVJqrxAzXadfadQL3sfYNZXY2iA",
    "$P$5rhdPhjfSKTCxrTiPw9.dkA2aY5EKL1",
    "*605E58B817750E59A505364990460AB782A7B020",
    "pbkdf2_sha256$50$1uohZ2XB3E1d$XPLpZUj1D+nH2XkdeCF3WUvI8m8JZiCk0hhnAYjRw7s=",
    "sha1$SG4woqMSIU70$506b0e404057d439cafd236dc9b874268e19578e",
    "bcrypt_sha256$$2b$04$t7wzq/ZlfLutsrSQHn.oIO9PCw/mJGTsYRDt7InIPR7ZPMZUZU/tu",
    "$2b$05$gxu30UBNze.hOvgqUIauaOnm.vQc9.0OfInmAbTMxNbX7dgouVgh6",
    "$6$rounds=1000$gBep5DSEaqGcOWcC$o8x32U3/pMv4nXUQcj8Y3ORwGismOkwzU1eHoICBsE0tDOutBLOkgVrelUCFK/jC6YatP12fz7qpyuFri8OSo/",
    "$y$j75$5eoJ1AXGKxvqo9TdjvCmx0$VwGlxUWYGZSbKdZEiMDlaXRsYiXVD2SZfL9vKCOyQd/",
    "$1$j3svM8sA$5EXaaXv0aUwshT7XKrh3R0",
    "rl.3StKT.4T8M",
    "$argon2id$v=19$m=64,t=1,p=1$MThuM3ZFeDdjZkZzNXVZMg$5nQfDC/mXo0V/bnyjN3mjTpTa4yus81dHq8xdiOiMc0",
    "SCRAM-SHA-256$4096:YsXRIe+Yq8axyeYlBvDVug==$KMfZnXepaWjuVC/jWonQKSWhfIpbtipQPR8xuUBVEvo=:7HS5I3nEhEpaPkYhXQK1XWsxoMB065jnuOoOeeEh2yc=",
]
LETTERS = "abcXYZ019./+=$,:{}*-_ \n\0é\udc80"


@pytest.fixture(autouse=True, scope="module")
def only_cheap_ones() -> Iterator[None]:
    """A damaged cost may be a dear one, that is all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "MAX_SECONDS", 0.02)
        patch.setattr(cost, "MAX_MEMORY", 1 << 24)
        yield


def is_accepted(stored: str, policy: hashes.Policy = ANYTHING) -> bool:
    try:
        return hashes.matches(stored, PASSWORD, policy)
    except BackendError:
        return False


@pytest.mark.parametrize("stored", STORED)
def test_each_is_accepted_while_it_is_whole(stored: str) -> None:
    assert hashes.matches(stored, PASSWORD, ANYTHING)
    assert not hashes.matches(stored, Secret(b"asmuslerdorf"), ANYTHING)


@settings(max_examples=600)
@given(st.sampled_from(STORED), st.data())
def test_a_damaged_one_matches_nothing_and_raises_nothing_else(stored: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(stored)))
    end = data.draw(st.integers(start, min(start + 2, len(stored))))
    damaged = stored[:start] + data.draw(st.text(LETTERS, max_size=2)) + stored[end:]
    assume(meaning(damaged) != meaning(stored))

    assert not is_accepted(damaged)


def meaning(stored: str) -> str:
    """Make equal what differs in letters of either case, or in names of one thing."""
    scheme, brace, value = stored.rpartition("}")
    value = re.sub(r"^(bcrypt_sha256\$)?\$2[aby]\$", r"\1$2$", value).replace("$H$", "$P$")
    hexadecimal = re.fullmatch(r"[0-9A-Fa-f]+", re.split(r"[$*]", value)[-1])
    return (scheme + brace).upper() + (value.upper() if hexadecimal else value)


@given(st.sampled_from(STORED), st.sampled_from(STORED), st.data())
def test_halves_of_two_make_no_whole_one(first: str, second: str, data: st.DataObject) -> None:
    mixed = first[: data.draw(st.integers(0, len(first)))] + second[data.draw(st.integers(1, len(second))) :]
    assume(mixed not in STORED)
    assume("rasmuslerdorf" not in mixed)

    is_accepted(mixed)


@given(
    st.sampled_from(["", "{SSHA}", "{SHA512.HEX}", "{PBKDF2}", "{SCRAM-SHA-1}", "{CRYPT.B64}", "{PLAIN.HEX}", "{MD5}"]),
    st.text(),
    st.sampled_from([None, "PLAIN", "SSHA", "CRYPT", "SHA256.HEX"]),
    st.booleans(),
)
def test_anything_at_all_raises_nothing_else(scheme: str, value: str, default: str | None, weak: bool) -> None:
    is_accepted(scheme + value, hashes.Policy(default, weak_schemes=weak))


@pytest.mark.parametrize("stored", [each for each in STORED if not each.startswith("{")])
@pytest.mark.parametrize("default", ["PLAIN", "SSHA", "CRYPT"])
def test_a_form_that_tells_itself_needs_no_scheme_and_is_never_clear_text(stored: str, default: str) -> None:
    """Or who reads the hash would know the password, once it is damaged."""
    policy = hashes.Policy(default, weak_schemes=True)
    needs_none = not stored.startswith("rl")  # of DES only the length tells, as clear text might

    assert is_accepted(stored, policy) is (needs_none or default == "CRYPT")
    if needs_none:
        cut = Secret(stored[:-1].encode())
        with pytest.raises(BackendError) if stored[0] != "*" else nullcontext():  # cut, it is a locked user's
            assert not hashes.matches(stored[:-1], cut, policy)
