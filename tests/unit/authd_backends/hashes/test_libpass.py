"""passlib, there or not."""

import sys

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import MissingLibraryError, Unavailable

STORED = "{PBKDF2-SHA256}50$ufdeKyUEYKz1njMmZAwhpA$Dlw/PtjQfPL1uaSTnlPC8WGX2LZw0uO.kc.OZ1r8vcA"
SCRAM = "{SCRAM-SHA-1}4096,90Ue1fK3+yFhKw0Yh78V+g==,JXeSpcWHsJx5yl3ZckOrJOQt8Qw=,jd3J3kJK5amXSNZI7eKJFKqeh6I="


@pytest.fixture
def without_passlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("passlib", "passlib.hash", "passlib.utils"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("without_passlib")
def test_a_missing_library_is_named_with_the_command_that_brings_it() -> None:
    with pytest.raises(MissingLibraryError, match=r"need: pip install authd\[hashes\]"):
        hashes.matches(STORED, Secret(b"rasmuslerdorf"))
    with pytest.raises(MissingLibraryError, match=r"need: pip install authd\[hashes\]"):
        hashes.matches(SCRAM, Secret("größer".encode()))


@pytest.mark.usefixtures("without_passlib")
def test_ascii_passwords_need_none_for_scram() -> None:
    assert hashes.matches(SCRAM, Secret(b"rasmuslerdorf"))


def test_a_longer_password_than_it_takes_is_a_wrong_one() -> None:
    assert not hashes.matches(STORED, Secret(b"x" * 4097))


def test_bits_that_it_would_throw_away_are_damage() -> None:
    with pytest.raises(Unavailable, match="bits, got some that passlib throws away"):
        hashes.matches(STORED[:-1] + "B", Secret(b"rasmuslerdorf"))
