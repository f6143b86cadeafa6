"""What a hash would cost, from its parameters."""

import pytest

from authd_backends.errors import Unavailable
from authd_backends.hashes import cost
from authd_backends.hashes.cost import MAX_MEMORY, Cost


@pytest.mark.parametrize(
    ("parameters", "n", "r", "factor"),
    [
        ("j9T", 4096, 32, 1),  # crypt(5): Debian's default
        ("j75", 1024, 8, 1),
        ("jD5.7", 65536, 8, 11),  # p = 11, see yescrypt's TESTS-OK
        ("jAT0.1", 8192, 32, 2 * 5),  # p = 2, t = 4
        ("jAT1.", 8192, 32, 4),  # g = 1
    ],
)
def test_yescrypts_parameters_are_read_as_libcrypt_reads_them(parameters: str, n: int, r: int, factor: int) -> None:
    plain = cost.yescrypt("j9T").seconds / (4096 * 32)

    estimated = cost.yescrypt(parameters)

    assert estimated.memory == 128 * n * r
    assert estimated.seconds == pytest.approx(plain * n * r * factor)


@pytest.mark.parametrize("parameters", ["j", "j9", "jA", "jzzzzzzzzzzzzzzzzz", "z"])
def test_yescrypts_parameters_may_end_anywhere(parameters: str) -> None:
    assert cost.yescrypt(parameters).seconds > 0


def test_scrypts_parameters_are_read_as_libcrypt_reads_them() -> None:
    assert cost.crypt_scrypt("CU..../....").memory == 128 * 32 * (2**14 + 1)
    assert cost.crypt_scrypt("CU....0....").seconds == 2 * cost.crypt_scrypt("CU..../....").seconds


def test_bsdicrypts_rounds_are_read_lowest_digit_first() -> None:
    assert cost.bsdicrypt("zzzz").seconds == pytest.approx(cost.bsdicrypt("J9..").seconds / 725 * (2**24 - 1))


def test_another_round_of_bcrypt_costs_twice_as_much() -> None:
    assert cost.bcrypt(11).seconds == pytest.approx(2 * cost.bcrypt(10).seconds)


def test_argon2_costs_memory_and_passes() -> None:
    estimated = cost.argon2(65536, 3)

    assert estimated.memory == 64 << 20
    assert estimated.seconds == pytest.approx(0.118, rel=0.01)


@pytest.mark.parametrize(
    "common", [cost.bcrypt(14), cost.sha512crypt(656_000), cost.yescrypt("jFT"), cost.argon2(1 << 20, 3)]
)
def test_what_administrators_really_choose_is_allowed(common: Cost) -> None:
    common.check()


def test_too_long_and_too_large_are_refused_with_the_figures() -> None:
    with pytest.raises(Unavailable, match="expected at most 2 s of work, got about 3 s"):
        Cost(3.0).check()
    with pytest.raises(Unavailable, match="expected at most 1024 MiB, got 1025 MiB"):
        Cost(0.1, MAX_MEMORY + (1 << 20)).check()
