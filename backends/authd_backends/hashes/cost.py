"""What a hash would cost, told from its parameters before anything is computed.

Time is linear in the parameters, so one figure a method is enough: each constant below was measured on one core of
a 2026 server with a password of ten bytes. Another machine is up to some three times slower or faster, which is no
matter here: the limits are there to refuse what is absurd by orders of magnitude.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from authd_backends.errors import Unavailable

MAX_SECONDS = 2.0
MAX_MEMORY = 1 << 30  # bytes

_BCRYPT = 49e-6  # seconds for each of 2**cost rounds: 50 ms at 10
_SHA512 = 0.38e-6  # a round
_SHA256 = 0.40e-6  # a round
_SHA1 = 0.47e-6  # a round
_SUN_MD5 = 1.1e-6  # a round; 4096 more than it says
_YESCRYPT = 0.133e-6  # for each of N * r: 17 ms at $y$j9T$
_SCRYPT = 0.31e-6  # for each of N * r
_ARGON2 = 0.6e-6  # a KiB and pass
_PBKDF2 = {"sha1": 0.18e-6, "sha256": 0.19e-6, "sha512": 0.39e-6}  # a round, where a key is one block
_DES = 0.1e-6  # a round of bsdicrypt
_PHPASS = 0.45e-6  # a round

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on one core and bytes of memory, as estimated."""

    seconds: float = 0.0
    memory: int = 0

    def check(self) -> None:
        """Raises Unavailable where it is more than MAX_SECONDS or MAX_MEMORY."""
        if self.seconds > MAX_SECONDS:
            raise Unavailable(f"hash: expected at most {MAX_SECONDS:g} s of work, got about {self.seconds:.3g} s")
        if self.memory > MAX_MEMORY:
            raise Unavailable(f"hash: expected at most {MAX_MEMORY >> 20} MiB, got {self.memory >> 20} MiB")


def bcrypt(cost: int) -> Cost:
    return Cost(_BCRYPT * 2.0**cost)


def sha512crypt(rounds: int) -> Cost:
    return Cost(_SHA512 * rounds)


def sha256crypt(rounds: int) -> Cost:
    return Cost(_SHA256 * rounds)


def sha1crypt(rounds: int) -> Cost:
    return Cost(_SHA1 * rounds)


def sunmd5(rounds: int) -> Cost:
    return Cost(_SUN_MD5 * (4096 + rounds))


def argon2(memory: int, passes: int) -> Cost:
    """`memory` in KiB. Lanes share the work, so they do not count: with fewer cores than lanes they take turns."""
    return Cost(_ARGON2 * memory * passes, memory * 1024)


def pbkdf2(algorithm: str, rounds: int) -> Cost:
    return Cost(_PBKDF2[algorithm] * rounds)


def phpass(rounds: int) -> Cost:
    return Cost(_PHPASS * rounds)


def scrypt(n: int, r: int, p: int) -> Cost:
    return Cost(_SCRYPT * n * r * p, memory_of_scrypt(n, r, p))


def memory_of_scrypt(n: int, r: int, p: int) -> int:
    """RFC 7914, in bytes: the big table, and the blocks that are mixed one after the other."""
    return 128 * r * (n + p)


def crypt_scrypt(parameters: str) -> Cost:
    """The eleven characters behind ``$7$``: log2 N, then r and p, five characters each."""
    return scrypt(1 << ALPHABET.index(parameters[0]), _lowest_first(parameters[1:6]), _lowest_first(parameters[6:]))


def bsdicrypt(rounds: str) -> Cost:
    """The four characters behind ``_``."""
    return Cost(_DES * _lowest_first(rounds))


def _lowest_first(text: str) -> int:
    return sum(ALPHABET.index(digit) << 6 * place for place, digit in enumerate(text))


def yescrypt(parameters: str) -> Cost:
    """What stands between ``$y$`` and the salt: flavor, log2 N, r, and behind a bit mask p, t and g.

    Each is stored less its minimum (libxcrypt, alg-yescrypt-common.c: yescrypt_r). What is cut short counts as its
    minimum: libcrypt refuses it without computing anything.
    """
    numbers = _variable_numbers(parameters)
    next(numbers, 0)  # the flavor
    log2_n = next(numbers, 0) + 1
    r = next(numbers, 0) + 1
    mask = next(numbers, -1) + 1
    p = next(numbers, 0) + 2 if mask & 1 else 1
    t = next(numbers, 0) + 1 if mask & 2 else 0
    g = next(numbers, 0) + 1 if mask & 4 else 0
    work = r << min(log2_n, 64)
    return Cost(_YESCRYPT * work * p * (1 + t) * 4.0 ** min(g, 32), 128 * work)


def _variable_numbers(text: str) -> Iterator[int]:
    """Numbers of one to six characters, the first of which tells how many (the same file: decode64_uint32)."""
    digits = map(ALPHABET.index, text)
    for first in digits:
        start, end, further, number = 0, 47, 0, 0
        while first > end:
            number += (end + 1 - start) << 6 * further
            start, end, further = end + 1, end + 1 + (62 - end) // 2, further + 1
        number += (first - start) << 6 * further
        yield number + sum(digit << 6 * place for place, digit in zip(reversed(range(further)), digits, strict=False))
