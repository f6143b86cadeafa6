"""phpass, which must not keep the event loop waiting."""

import threading
import time

import pytest
from passlib.hash import phpass as passlibs

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.hashes import phpass


@pytest.mark.parametrize("rounds", [7, 8, 11])
@pytest.mark.parametrize("ident", ["$P$", "$H$"])
def test_it_is_what_passlib_makes(rounds: int, ident: str) -> None:
    stored = passlibs.using(rounds=rounds, ident=ident).hash("test12345")

    assert hashes.matches(stored, Secret(b"test12345"))
    assert not hashes.matches(stored, Secret(b"test12346"))


def test_a_published_hash_is_verified() -> None:
    """The test of phpass 0.3 itself, test.php."""
    assert hashes.matches("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", Secret(b"test12345"))


def test_a_longer_password_than_phpass_takes_is_a_wrong_one() -> None:
    assert not hashes.matches("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", Secret(b"x" * 4097))


def test_other_threads_run_while_it_is_computed() -> None:
    hashing = threading.Thread(target=phpass._hashed, args=(b"x", b"saltsalt", 1 << 17))
    hashing.start()
    turns = 0
    while hashing.is_alive():
        time.sleep(0)
        turns += 1
    hashing.join()

    assert turns > 100  # in 40 ms or more; a loop without pauses allows one in 5 ms
