"""phpass, as WordPress before 6.8 ($P$) and phpBB ($H$) store it: MD5 over and over.

passlib has it too, but in a loop that lets nobody else run: during its 2.7 ms, and that of the next, the event loop
waits 5 ms at each of its calls. Here it waits 0.2 ms, and the hash takes 3.7 ms.
"""

import hmac
import re
import time
from hashlib import md5

from authd_backends.hashes import cost
from authd_backends.hashes.cost import ALPHABET
from authd_backends.hashes.methods import Match, Method

_MAX_PASSWORD = 4096  # bytes: phpass takes no more, since each round hashes all of it (PasswordHash.php)
_AT_ONCE = 512  # rounds, 0.15 ms
_DIGITS = 22  # of a hash: six bits each


def _verified(password: bytes, match: Match) -> bool:
    if len(password) > _MAX_PASSWORD:
        return False
    made = _hashed(password, match["salt"].encode(), _rounds(match))
    return hmac.compare_digest(made, match["hash"])


def _hashed(password: bytes, salt: bytes, rounds: int) -> str:
    digest = md5(salt + password, usedforsecurity=False).digest()
    for done in range(0, rounds, _AT_ONCE):
        for _ in range(min(_AT_ONCE, rounds - done)):
            digest = md5(digest + password, usedforsecurity=False).digest()
        time.sleep(0)  # lets go of the GIL
    number = int.from_bytes(digest, "little")
    return "".join(ALPHABET[number >> 6 * place & 63] for place in range(_DIGITS))


def _rounds(match: Match) -> int:
    return 1 << ALPHABET.index(match["cost"])


PHPASS = Method(
    "phpass",
    re.compile(r"\$[PH]\$(?P<cost>[5-9A-S])(?P<salt>[./0-9A-Za-z]{8})(?P<hash>[./0-9A-Za-z]{22})"),
    _verified,
    lambda match: cost.phpass(_rounds(match)),
)
