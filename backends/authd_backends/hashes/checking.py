"""Does a password match, and how long must it take where there is nothing to match?"""

import os
import threading
from collections.abc import Hashable
from contextlib import nullcontext, suppress
from functools import cache

from authd_backends.contract import Secret
from authd_backends.errors import BackendError
from authd_backends.hashes.making import new_hash
from authd_backends.hashes.policy import Policy
from authd_backends.hashes.schemes import is_locked, read

_CHEAP = 0.001  # seconds
_CORES = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))  # whoever asks: more at once only take turns
_ANYTHING = Policy(weak_schemes=True)
_USUAL = Policy()


def matches(stored: str, secret: Secret, policy: Policy = _USUAL) -> bool:
    """Tell whether `stored` is a hash of the password.

    False for what can be no password: empty or with a NUL (crypt(3) takes C strings); and where `stored` is locked.
    Raises BackendError where it cannot be told, see `schemes.read`. Of hashes that take their time at most as many are
    computed at once as there are cores; other threads run meanwhile.
    """
    password = secret.reveal()
    if not password or b"\0" in password or is_locked(stored):
        return False
    known = read(stored, policy)
    with _CORES if known.cost.seconds > _CHEAP else nullcontext():
        return known.verify(password)


def spend(secret: Secret, like: str | None = None, policy: Policy = _USUAL) -> None:
    """Take as long as `matches` does: for an unknown user, so that the time does not tell who is known.

    `like` is a stored password of that cost, by default one such as `new_hash` makes.
    """
    with suppress(BackendError):
        matches(_decoy() if like is None else like, secret, Policy(policy.default_scheme, weak_schemes=True))


def kind(stored: str, policy: Policy = _USUAL) -> Hashable:
    """Give a value that is equal for stored passwords which take equally long. Raises BackendError as `matches`."""
    known = read(stored, Policy(policy.default_scheme, weak_schemes=True))
    return known.method.name, known.cost


def method(stored: str) -> str:
    """Name the way in which a password is stored, as ``yescrypt``. Raises BackendError as `matches`."""
    return read(stored, _ANYTHING).method.name


@cache
def _decoy() -> str:
    return new_hash(Secret(b"nobody has this one"))
