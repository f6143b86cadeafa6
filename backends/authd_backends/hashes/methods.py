"""A way to store a password: what it looks like, what it costs, and what verifies it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from authd_backends.hashes.cost import Cost

Match = re.Match[str]


def nothing(_: Match) -> Cost:
    """Microseconds, whatever the parameters."""
    return Cost()


@dataclass(frozen=True, slots=True)
class Method:
    """`form` matches whole values, without their {SCHEME}; its match is what `estimate` and `verify` get.

    `verify` raises BackendError where it cannot be told whether the password is the right one.
    """

    name: str
    form: re.Pattern[str]
    verify: Callable[[bytes, Match], bool]
    estimate: Callable[[Match], Cost] = nothing
    weak: bool = False  # guessed at millions a second and more
    is_binary: bool = False  # base64 of bytes, or hexadecimal behind {SCHEME.HEX}


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored password as it was understood."""

    method: Method
    match: Match
    cost: Cost

    def verify(self, password: bytes) -> bool:
        return self.method.verify(password, self.match)


def behind(name: str, prefix: str, method: Method, prepare: Callable[[bytes], bytes] = bytes) -> Method:
    """Give the method of values that begin with `prefix` and go on as those of `method`, of a prepared password."""
    return Method(
        name,
        re.compile(re.escape(prefix) + method.form.pattern),
        lambda password, match: method.verify(prepare(password), match),
        method.estimate,
        method.weak,
    )
