"""Argon2 strings, as its reference implementation writes them."""

import re

from authd_backends.hashes import argon2, cost
from authd_backends.hashes.methods import Method


def _argon2(name: str) -> Method:
    form = rf"(?P<stored>\${name}\$(?:v=\d{{1,3}}\$)?m=(?P<memory>\d{{1,10}}),t=(?P<passes>\d{{1,10}}),p=\d{{1,8}}"
    return Method(
        name,
        re.compile(form + r"\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)"),
        lambda password, match: argon2.verified(password, match["stored"]),
        lambda match: cost.argon2(int(match["memory"]), int(match["passes"])),
    )


ARGON2 = (_argon2("argon2id"), _argon2("argon2i"), _argon2("argon2d"))
