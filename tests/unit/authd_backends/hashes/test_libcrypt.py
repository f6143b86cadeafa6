"""libcrypt through ctypes."""

import ctypes
import threading
import time
from collections.abc import Iterator

import pytest

from authd_backends.errors import Unavailable
from authd_backends.hashes import libcrypt


@pytest.fixture
def without_libcrypt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(libcrypt, "_NAMES", ("libcrypt.so.0",))
    libcrypt._library.cache_clear()
    yield
    libcrypt._library.cache_clear()


@pytest.mark.usefixtures("without_libcrypt")
def test_a_machine_without_libcrypt_is_told_what_is_missing() -> None:
    with pytest.raises(Unavailable, match=r"expected libxcrypt as libcrypt\.so\.0, got neither"):
        libcrypt.hashed(b"x", "$5$salt$")


def test_an_old_libcrypt_is_none(monkeypatch: pytest.MonkeyPatch, without_libcrypt: None) -> None:
    """That of old glibc had no crypt_rn; libc stands in for it."""
    monkeypatch.setattr(libcrypt, "_NAMES", ("libc.so.6",))

    with pytest.raises(Unavailable, match="expected libxcrypt"):
        libcrypt.new_setting("$y$")


@pytest.mark.parametrize("setting", ["*0", "$nosuch$", "$6$rounds=x", ""])
def test_what_libcrypt_refuses_is_an_error_and_never_a_hash(setting: str) -> None:
    with pytest.raises(Unavailable, match="libcrypt refuses the hash"):
        libcrypt.hashed(b"x", setting)


def test_a_failure_token_does_not_verify_itself() -> None:
    with pytest.raises(Unavailable):
        libcrypt.verified(b"x", "*0")


def test_a_method_that_libcrypt_lacks_has_no_setting() -> None:
    with pytest.raises(Unavailable, match=r"libcrypt has no \$nosuch\$"):
        libcrypt.new_setting("$nosuch$")


def test_the_buffer_is_wiped_when_the_hash_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers = []
    create = ctypes.create_string_buffer

    def kept(size: int) -> "ctypes.Array[ctypes.c_char]":
        buffers.append(create(size))
        return buffers[-1]

    monkeypatch.setattr(ctypes, "create_string_buffer", kept)

    libcrypt.hashed(b"a password", "$5$saltstring$")

    assert not any(buffers[0].raw)


def test_other_threads_run_while_a_hash_is_computed() -> None:
    setting = libcrypt.new_setting("$2b$", 10)
    hashing = threading.Thread(target=libcrypt.hashed, args=(b"x", setting))
    hashing.start()
    turns = 0
    while hashing.is_alive():
        time.sleep(0)
        turns += 1
    hashing.join()

    assert turns > 100  # a call that held the GIL for its 50 ms would allow one or two
