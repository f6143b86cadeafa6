"""Django's own forms; the others are tested on hashes that Django made."""

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import Unavailable

# Django 5.2, tests/auth_tests/test_hashers.py
SCRYPT = (
    "scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw=="
)


def test_its_scrypt_is_verified() -> None:
    assert hashes.matches(SCRYPT, Secret("lètmein".encode()))
    assert not hashes.matches(SCRYPT, Secret("lètmeinz".encode()))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("$16383$seasalt$8$5$", "expected n a power of two"),
        ("$1$seasalt$8$5$", "expected n a power of two"),
        ("$9999999999$seasalt$8$5$", "expected at most"),
        ("$1048576$seasalt$8$2$", "expected at most"),
        ("$2$seasalt$8$999999$", "expected at most"),
    ],
)
def test_parameters_that_nobody_computes_are_an_outage(parameters: str, expected: str) -> None:
    with pytest.raises(Unavailable, match=expected):
        hashes.matches(SCRYPT.replace("$16384$seasalt$8$5$", parameters), Secret(b"x"))
