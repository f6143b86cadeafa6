"""A password from standard input, for the commands that take one."""

import sys

MAX_LINE = 1 << 17  # bytes: more than any command takes for a password


def piped() -> bytes:
    """Read a line; of one without an end as much as shows that it is too long."""
    return sys.stdin.buffer.readline(MAX_LINE).rstrip(b"\n")
