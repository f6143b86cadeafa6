"""Does a password match, and how long must it take where there is nothing to match?"""

from collections.abc import Hashable
from contextlib import suppress
from functools import cache

from authd_backends.contract import Secret
from authd_backends.errors import BackendError
from authd_backends.hashes.making import new_hash
from authd_backends.hashes.schemes import is_locked, read


def matches(stored: str, secret: Secret, *, default_scheme: str | None = None, weak_schemes: bool = False) -> bool:
    """Tell whether `stored` is a hash of the password.

    False for what can be no password: empty or with a NUL (crypt(3) takes C strings); and where
    `stored` is locked. Raises BackendError where it cannot be told, see `schemes.read`.
    """
    password = secret.reveal()
    if not password or b"\0" in password or is_locked(stored):
        return False
    known = read(stored, default_scheme=default_scheme, weak_schemes=weak_schemes)
    return known.method.verify(password, known.value)


def spend(secret: Secret, like: str | None = None, *, default_scheme: str | None = None) -> None:
    """Take as long as `matches` does: for an unknown user, so that the time does not tell who is known.

    `like` is a stored password of that cost, by default one such as `new_hash` makes.
    """
    with suppress(BackendError):
        matches(_decoy() if like is None else like, secret, default_scheme=default_scheme, weak_schemes=True)


def kind(stored: str, *, default_scheme: str | None = None) -> Hashable:
    """Give a value that is equal for stored passwords which take equally long. Raises BackendError as `matches`."""
    known = read(stored, default_scheme=default_scheme, weak_schemes=True)
    return known.method.name, known.cost


def method(stored: str) -> str:
    """Name the way in which a password is stored, as ``yescrypt``. Raises BackendError as `matches`."""
    return read(stored, weak_schemes=True).method.name


@cache
def _decoy() -> str:
    return new_hash(Secret(b"nobody has this one"))
